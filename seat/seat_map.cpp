#include "seat/seat_map.hpp"

#include <array>
#include <utility>

#include "core/fixed_text.hpp"

namespace seat {

MapAwait SeatMap::refresh() {
  return MapAwait{[this](core::Continuation<MapAnswer> waiter) { return wait(waiter); }};
}

core::Error SeatMap::wait(core::Continuation<MapAnswer> waiter) {
  if (waiting_.size() == waiting_max) return core::Error::overload;
  if (!under_way_) {
    const core::Digits version{picture_.version()};
    const auto error = event_.batch(queue::Decision::map).add(std::array{version.view()}, {&SeatMap::done, this});
    if (error != core::Error::none) return error;
    under_way_ = true;
  }
  waiting_.push_back(waiter);
  return core::Error::none;
}

void SeatMap::done(void* context, const net::resp::View* reply, core::Error error) noexcept {
  auto& self = *static_cast<SeatMap*>(context);
  self.under_way_ = false;
  const auto answer = reply == nullptr ? core::Result<MapAnswer>{{}, error} : self.read(*reply);
  // A waiter may ask again at once: it then waits for the next answer, not for this one.
  for (const auto& waiter : std::exchange(self.waiting_, {}))
    waiter.resume(waiter.context, answer ? &answer.value : nullptr, answer.error);
}

// A map of another size than the event's is one that is not whole; it is not shown to anybody.
core::Result<MapAnswer> SeatMap::read(const net::resp::View& reply) {
  const bool same = reply[0].is("same") && has_map();
  MapAnswer answer{same ? queue::Verdict{queue::Verdict::Kind::ok, {}} : queue::Verdict::read(reply)};
  if (!answer.verdict.ok()) return {answer};
  if (!same && !picture_.take(event_.definition(), reply[1].number().value_or(0), reply[2].text()))
    return {{}, core::Error::protocol};
  fetched_ms_ = loop_.now_ms();
  return {answer};
}

}  // namespace seat
