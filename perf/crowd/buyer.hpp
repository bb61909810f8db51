// One simulated person, from arriving to having an order or giving up: waits in line as told, looks at the map, takes
// seats, pays, and asks again when an answer is lost. What it is told goes into the sale's ledger; what contradicts
// the contract becomes a violation there.
// Ownership: a Buyer belongs to the run, refers to its Sale and must outlive live(). Thread: the crowd's only thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "perf/crowd/habits.hpp"
#include "perf/crowd/sale.hpp"
#include "perf/crowd/session.hpp"

namespace crowd {

// A place in line as its owner sees it: once given it may only come nearer. While a line forms again after a loss of
// Redis, those in front return one by one: a place may then seem nearer than it is, but is never behind the last true
// one.
class Place {
 public:
  // False when `position` lies behind the one seen before. No position (the order is not drawn yet) is no news.
  bool still_mine(std::optional<int64_t> position, bool forming_again);
  void forget() { nearest_.reset(); }
  std::optional<int64_t> nearest() const { return nearest_; }

 private:
  std::optional<int64_t> nearest_;  // that could be relied on
};

class Buyer {
 public:
  Buyer(Sale& sale, uint32_t number);
  Task<> live();

 private:
  // The line (buyer_line.cpp)
  enum class Turn : uint8_t { admitted, sold_out, closed, expired, left, vanished, unfinished };
  Task<Turn> wait_for_turn();
  Task<LineAnswer> enter_line();
  Task<LineAnswer> enter_with_two_tabs();
  Task<LineAnswer> next_look();
  Task<std::optional<Turn>> judge_line(LineAnswer answer);
  Task<std::optional<Turn>> maybe_abandon();
  Task<> wait_before_next(LineAnswer answer);
  Task<> use_fresh_admission();
  Task<> try_hold_early();
  void check_place(const LineAnswer& answer);
  std::optional<Turn> turn_of(const LineAnswer& answer);

  // The seats (buyer_seats.cpp)
  enum class Visit : uint8_t { ordered, sold_out, closed, admission_lost, left, vanished, unfinished };
  Task<Visit> visit();
  Task<std::optional<Visit>> buy_from(SeatMap map);
  Task<std::optional<Visit>> nothing_free(bool some_held);
  Task<HoldAnswer> take(Pick pick);
  Task<HoldAnswer> click(Step step, Tab tab, Pick pick, std::string key);
  Task<HoldAnswer> click_twice(Pick pick, std::string key);
  Task<std::optional<Visit>> after_refusal(HoldAnswer refusal);
  Task<> release_leftovers();
  Task<> dwell(HoldAnswer hold);
  Task<> peek();
  Task<> outlast_hold();
  Task<> release(std::string hold);
  void check_hold(const Pick& pick, const HoldAnswer& hold);
  void compare_clicks(const Pick& pick, const HoldAnswer& first, const HoldAnswer& second, bool keyed);

  // The money (buyer_payment.cpp)
  Task<std::optional<Visit>> pay(HoldAnswer hold);
  Task<OrderAnswer> report_payment(Payment payment, std::string key);
  Task<OrderAnswer> ask_until_answered(Payment payment, std::string key, OrderAnswer answer);
  Task<OrderAnswer> confirm_twice(Payment payment, std::string key);
  Task<> follow_pending(Payment payment);
  Task<> check_afterwards(Payment payment, std::string key);

  // How a buyer ends after that, or nothing when the story goes on.
  static std::optional<Ending> ending_of(Turn turn);
  static std::optional<Ending> ending_of(Visit visit);
  void enter(Stage stage);
  void end(Ending ending);
  Task<> think(int low_ms, int high_ms);
  Task<> back_off(double retry_after_s);
  bool chance(double probability) { return std::bernoulli_distribution{probability}(random_); }
  std::string fresh_key();

  Sale& sale_;
  const uint32_t number_;
  Random random_;
  Habits habits_;
  Session session_;
  Place place_;
  Stage stage_ = Stage::away;
  uint32_t polls_ = 0, keys_ = 0, payments_ = 0, fruitless_looks_ = 0;
  bool holds_elsewhere_ = false;  // an answer to a hold was lost, or a double click took two
};

}  // namespace crowd
