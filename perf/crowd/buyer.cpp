#include "perf/crowd/buyer.hpp"

#include <algorithm>

namespace crowd {

bool Place::still_mine(std::optional<int64_t> position) {
  if (!position) return true;
  bool mine = !nearest_ || *position <= *nearest_;
  nearest_ = nearest_ ? std::min(*nearest_, *position) : *position;
  return mine;
}

Buyer::Buyer(Sale& sale, uint32_t number)
    : sale_{sale},
      number_{number},
      random_{random_of(sale.seed, number)},
      habits_{draw_habits(random_, sale.options.buyers, sale.options.seats, sale.options.standing)},
      session_{sale, "buyer-" + std::to_string(number), habits_.cookies} {
  ++sale_.people[static_cast<std::size_t>(stage_)];
}

Task<> Buyer::live() {
  co_await sale_.pause(habits_.arrives_after);
  while (!sale_.over()) {
    enter(Stage::in_line);
    switch (co_await wait_for_turn()) {
      case Turn::admitted: break;
      case Turn::expired: continue;
      case Turn::sold_out: co_return end(Ending::sold_out);
      case Turn::closed: co_return end(Ending::closed);
      case Turn::left: co_return end(Ending::left);
      case Turn::vanished: co_return end(Ending::vanished);
      case Turn::unfinished: co_return end(Ending::unfinished);
    }
    enter(Stage::admitted);
    switch (co_await visit()) {
      case Visit::admission_lost: break;
      case Visit::ordered: co_return end(Ending::ordered);
      case Visit::sold_out: co_return end(Ending::sold_out);
      case Visit::closed: co_return end(Ending::closed);
      case Visit::left: co_return end(Ending::left);
      case Visit::vanished: co_return end(Ending::vanished);
      case Visit::unfinished: co_return end(Ending::unfinished);
    }
  }
  end(Ending::unfinished);
}

void Buyer::enter(Stage stage) {
  --sale_.people[static_cast<std::size_t>(stage_)];
  ++sale_.people[static_cast<std::size_t>(stage)];
  stage_ = stage;
}

void Buyer::end(Ending ending) {
  enter(Stage::finished);
  ++sale_.endings[static_cast<std::size_t>(ending)];
  if (ending == Ending::sold_out) sale_.ledger.told_sold_out();
  session_.rest();
}

Task<> Buyer::think(int low_ms, int high_ms) {
  co_await sale_.pause(milliseconds{std::uniform_int_distribution<int>{low_ms, high_ms}(random_)});
}

Task<> Buyer::back_off(double retry_after_s) {
  const int least_ms = static_cast<int>(std::clamp(retry_after_s, 0.1, 10.0) * 1000);
  co_await think(least_ms, least_ms + least_ms / 2);
}

std::string Buyer::fresh_key() {
  return habits_.uses_keys ? "click-" + std::to_string(number_) + "-" + std::to_string(++keys_) : std::string{};
}

}  // namespace crowd
