#include "net/batch.hpp"

#include <utility>

#include "core/assert.hpp"
#include "net/redis_link.hpp"

namespace net {
namespace {

core::Error carry(void* link, const Prepared& head, std::string_view rendered, uint32_t parts, Sink sink) noexcept {
  return static_cast<RedisLink*>(link)->script(head, rendered, parts, sink);
}

}  // namespace

Batch::Batch(Loop& loop, ScriptCarrier carrier, Prepared head, Settings settings)
    : loop_{loop}, carrier_{carrier}, head_{std::move(head.head)}, head_parts_{head.parts}, settings_{settings} {
  ONSALE_ASSERT(settings.width > 0 && settings.flights_max > 0);
  flights_.reserve(settings.flights_max);
  set_epoch(0);
}

Batch::Batch(RedisLink& link, Prepared head, uint32_t width)
    : Batch{link.loop(), {&carry, &link}, std::move(head), Settings{.width = width}} {}

Batch::~Batch() { ONSALE_ASSERT(idle()); }

void Batch::set_epoch(int64_t epoch) {
  epoch_ = epoch;
  core::TextBuffer argument;
  resp::write_bulk(argument, std::to_string(epoch));
  head_and_epoch_.head.assign(head_).append(argument.view());
  head_and_epoch_.parts = head_parts_ + 1;
}

core::Error Batch::add(std::span<const std::string_view> arguments, Sink sink) {
  ONSALE_ASSERT(arguments.size() == settings_.width && sink.resume != nullptr);
  auto* flight = behind() ? nullptr : filling();
  if (flight == nullptr) {
    metrics_.refused.add();
    return core::Error::overload;
  }
  for (const auto argument : arguments) resp::write_bulk(flight->arguments, argument);
  flight->sinks[flight->items++] = sink;
  metrics_.items.add();
  loop_.schedule(hook_);
  return core::Error::none;
}

bool Batch::behind() const { return first_ != nullptr && loop_.now_ms() - first_->since_ms >= settings_.wait_ms_max; }

// A flight with a free place, at the end of the waiting ones.
Batch::Flight* Batch::filling() {
  if (last_ != nullptr && last_->items < last_->sinks.size()) return last_;
  auto* flight = take_free();
  if (flight == nullptr) return nullptr;
  flight->since_ms = loop_.now_ms();
  (last_ == nullptr ? first_ : last_->next) = flight;
  return last_ = flight;
}

Batch::Flight* Batch::take_free() {
  if (free_ != nullptr) {
    auto* flight = free_;
    free_ = std::exchange(flight->next, nullptr);
    return flight;
  }
  if (flights_.size() == settings_.flights_max) return nullptr;
  flights_.push_back(std::make_unique<Flight>());
  flights_.back()->batch = this;
  return flights_.back().get();
}

void Batch::flush() noexcept {
  // What sinks add meanwhile is of the next turn.
  auto* flight = std::exchange(first_, nullptr);
  auto* const end = std::exchange(last_, nullptr);
  while (flight != nullptr && in_air_ < settings_.in_air_max) {
    auto* next = std::exchange(flight->next, nullptr);
    launch(*flight);
    flight = next;
  }
  if (flight == nullptr) return;
  end->next = std::exchange(first_, flight);
  if (last_ == nullptr) last_ = end;
}

void Batch::launch(Flight& flight) {
  ++in_air_;
  metrics_.calls.add();
  const auto parts = flight.items * settings_.width;
  const auto error =
      carrier_.script(carrier_.context, head_and_epoch_, flight.arguments.view(), parts, {&landed, &flight});
  flight.arguments.clear();
  if (error != core::Error::none) landed(&flight, nullptr, error);
}

void Batch::landed(void* context, const resp::View* reply, core::Error error) noexcept {
  auto& flight = *static_cast<Flight*>(context);
  if (reply == nullptr || reply->kind() != resp::Kind::array)
    deliver_whole(flight, reply, error);
  else if (reply->size() != flight.items)
    deliver_whole(flight, nullptr, core::Error::protocol);
  else
    deliver_each(flight, *reply);
  auto& batch = *flight.batch;
  batch.put_back(flight);
  if (error == core::Error::timeout) batch.refuse_waiting();
}

void Batch::deliver_each(const Flight& flight, const resp::View& reply) {
  uint32_t item = 0;
  for (const auto part : reply) {
    const auto sink = flight.sinks[item++];
    sink.resume(sink.context, &part, core::Error::none);
  }
}

void Batch::deliver_whole(const Flight& flight, const resp::View* reply, core::Error error) {
  for (uint32_t item = 0; item < flight.items; ++item) {
    const auto sink = flight.sinks[item];
    sink.resume(sink.context, reply, error);
  }
}

void Batch::put_back(Flight& flight) {
  ONSALE_ASSERT(in_air_ > 0);
  --in_air_;
  recycle(flight);
  if (first_ != nullptr) loop_.schedule(hook_);
}

void Batch::recycle(Flight& flight) {
  flight.items = 0;
  flight.next = free_;
  free_ = &flight;
}

void Batch::refuse_waiting() {
  // What sinks add meanwhile is not of these.
  auto* flight = std::exchange(first_, nullptr);
  last_ = nullptr;
  while (flight != nullptr) {
    auto* next = std::exchange(flight->next, nullptr);
    metrics_.refused.add(flight->items);
    flight->arguments.clear();
    deliver_whole(*flight, nullptr, core::Error::unavailable);
    recycle(*flight);
    flight = next;
  }
}

}  // namespace net
