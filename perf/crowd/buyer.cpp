#include "perf/crowd/buyer.hpp"

#include <algorithm>

namespace crowd {
namespace {

constexpr uint32_t many_buyers = 10'000;

std::optional<asio::ip::address> source_of(const Sale& sale, uint32_t number) {
  if (sale.options.buyers <= many_buyers) return {};
  return source_address(sale.endpoint, number);
}

}  // namespace

bool Place::still_mine(std::optional<int64_t> position, bool forming_again) {
  if (!position) return true;
  const bool mine = !nearest_ || *position <= *nearest_;
  if (!forming_again) nearest_ = nearest_ ? std::min(*nearest_, *position) : *position;
  return mine;
}

Buyer::Buyer(Sale& sale, uint32_t number)
    : sale_{sale},
      number_{number},
      random_{random_of(sale.seed, number)},
      habits_{draw_habits(random_, sale.options.buyers, sale.options.seats, sale.options.standing)},
      session_{sale, "buyer-" + std::to_string(number), habits_.cookies, source_of(sale, number)} {
  ++sale_.people[static_cast<std::size_t>(stage_)];
}

Task<> Buyer::live() {
  co_await sale_.pause(habits_.arrives_after);
  std::optional<Ending> ending;
  while (!ending && !sale_.over()) {
    enter(Stage::in_line);
    const Turn turn = co_await wait_for_turn();
    ending = ending_of(turn);
    if (turn != Turn::admitted) continue;
    enter(Stage::admitted);
    const Visit visited = co_await visit();
    ending = ending_of(visited);
  }
  end(ending.value_or(Ending::unfinished));
}

std::optional<Ending> Buyer::ending_of(Turn turn) {
  switch (turn) {
    case Turn::admitted:
    case Turn::expired:
      return {};
    case Turn::sold_out:
      return Ending::sold_out;
    case Turn::closed:
      return Ending::closed;
    case Turn::left:
      return Ending::left;
    case Turn::vanished:
      return Ending::vanished;
    case Turn::unfinished:
      return Ending::unfinished;
  }
  return {};
}

std::optional<Ending> Buyer::ending_of(Visit visit) {
  switch (visit) {
    case Visit::admission_lost:
      return {};
    case Visit::ordered:
      return Ending::ordered;
    case Visit::sold_out:
      return Ending::sold_out;
    case Visit::closed:
      return Ending::closed;
    case Visit::left:
      return Ending::left;
    case Visit::vanished:
      return Ending::vanished;
    case Visit::unfinished:
      return Ending::unfinished;
  }
  return {};
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
