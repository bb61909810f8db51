#include "queue/crank.hpp"

#include <array>

#include "core/fixed_text.hpp"
#include "queue/verdict.hpp"

namespace queue {
namespace {

bool turns(core::EventState state) {
  return state == core::EventState::open || state == core::EventState::paused || state == core::EventState::closed;
}

}  // namespace

Crank::Crank(net::Loop& loop, EventTable& events, Alarm alarm) : loop_{loop}, events_{events}, alarm_{alarm} {}

void Crank::start() { loop_.start(timer_, interval_ms); }

void Crank::turn() noexcept {
  events_.each([this](LiveEvent& event) {
    if (turns(event.definition().state)) turn_event(event);
  });
  loop_.start(timer_, interval_ms);
}

void Crank::turn_event(LiveEvent& event) {
  auto& turn = turns_.try_emplace(&event, Turn{&event, this}).first->second;
  if (turn.under_way) return;  // Redis is slow; the next turn makes up for it
  const core::Digits most{step_items_max};
  const auto error = event.batch(Decision::crank).add(std::array{most.view()}, {&Crank::done, &turn});
  turn.under_way = error == core::Error::none;
}

void Crank::done(void* context, const net::resp::View* reply, core::Error) noexcept {
  auto& turn = *static_cast<Turn*>(context);
  turn.under_way = false;
  if (reply == nullptr) return;
  const auto verdict = Verdict::read(*reply);
  if (verdict.kind == Verdict::Kind::stale) turn.crank->alarm_.raise();
  if (verdict.ok()) read(turn.event->gauges, *reply);
}

void Crank::read(LineGauges& gauges, const net::resp::View& reply) {
  std::array<uint64_t, 12> numbers{};
  std::size_t at = 0;
  for (const auto element : reply) {
    if (at < numbers.size()) numbers[at++] = static_cast<uint64_t>(element.number().value_or(0));
  }
  gauges.admitted_total.add(numbers[2]);
  gauges.expired_holds_total.add(numbers[3]);
  gauges.expired_admissions_total.add(numbers[4]);
  gauges.line.set(numbers[5]);
  gauges.active.set(numbers[6]);
  gauges.available.set(numbers[7]);
  gauges.held.set(numbers[8]);
  gauges.sold.set(numbers[9]);
  gauges.unrecorded.set(numbers[10]);
  gauges.log_entries.set(numbers[11]);
}

}  // namespace queue
