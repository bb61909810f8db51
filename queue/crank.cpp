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
  if (turn.under_way) return metrics_.skipped.add();  // Redis is slow; the next turn makes up for it
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
  if (verdict.ok()) turn.crank->count(*reply);
}

void Crank::count(const net::resp::View& reply) {
  const auto number = [&](uint32_t index) { return static_cast<uint64_t>(reply[index].number().value_or(0)); };
  metrics_.admitted.add(number(2));
  metrics_.expired_holds.add(number(3));
  metrics_.expired_admissions.add(number(4));
}

}  // namespace queue
