// What the clients were told, kept to be held against the stores afterwards: every payment reported with its answers,
// and every contradiction seen while the sale ran (a place that moved back, an order that changed its mind).
// Ownership: plain values. Thread: the crowd's only thread; readable by others after the run.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace crowd {

// The server's answer to a confirm, or to a question after the order.
struct OrderAnswer {
  int status = 0;    // 0: no answer
  std::string code;  // of a problem, or why there was no answer
  std::string order, state, durable;
  std::vector<std::string> seats;
  bool refund_required = false;
  double retry_after_s = 0;
};

enum class PaymentState : uint8_t {
  unanswered,  // reported, nothing heard: may or may not have become an order
  pending,     // 202: must end confirmed or rejected with a refund
  confirmed,   // 201: must be in PostgreSQL
  refused,     // 409: a refund is due when refund_required
  rejected,    // PostgreSQL's last word, with a refund
};
std::string_view name(PaymentState state);

struct Payment {
  std::string reference, hold, user;
  std::vector<std::string> seats;
  int64_t amount = 0;
  PaymentState state = PaymentState::unanswered;
  std::string code;  // of the refusal
  bool refund_required = false;
};

// Sentences about broken promises; the first `kept_max` are kept, all are counted.
class Violations {
 public:
  static constexpr std::size_t kept_max = 200;
  void add(std::string sentence) {
    if (++count_ <= kept_max) kept_.push_back(std::move(sentence));
  }
  uint64_t count() const { return count_; }
  const std::vector<std::string>& kept() const { return kept_; }

 private:
  std::vector<std::string> kept_;
  uint64_t count_ = 0;
};

class Ledger {
 public:
  // A payment is about to be reported for the first time. `payment.reference` is new.
  void report(Payment payment);
  // An answer to the confirm of `reference`, any number of times and in any order of arrival.
  void told(const std::string& reference, const OrderAnswer& answer);
  // What GET .../orders/{order} said later about that payment's order.
  void told_later(const std::string& reference, const OrderAnswer& answer);

  // Places are lost by the thousand or not at all: the first few sentences tell enough, all are counted.
  void place_lost(std::string sentence) {
    constexpr uint64_t told_max = 20;
    if (++places_lost_ <= told_max) violations_.add(std::move(sentence));
  }
  void violation(std::string sentence) { violations_.add(std::move(sentence)); }
  void told_sold_out() { ++told_sold_out_; }

  const std::map<std::string, Payment>& payments() const { return payments_; }  // by reference
  const Payment& payment(const std::string& reference) const { return payments_.at(reference); }
  const Violations& violations() const { return violations_; }
  uint64_t places_lost() const { return places_lost_; }
  uint64_t told_sold_out_count() const { return told_sold_out_; }
  uint64_t orders_confirmed() const { return orders_confirmed_; }
  uint64_t seats_confirmed() const { return owners_.size(); }
  uint64_t seats_promised_twice() const { return seats_promised_twice_; }

 private:
  void confirm(Payment& payment, const OrderAnswer& answer);
  void refuse(Payment& payment, const OrderAnswer& answer);
  void settle(Payment& payment, PaymentState state);

  std::map<std::string, Payment> payments_;
  std::map<std::string, std::string> owners_;  // seat -> order that was told confirmed
  Violations violations_;
  uint64_t places_lost_ = 0, told_sold_out_ = 0, orders_confirmed_ = 0, seats_promised_twice_ = 0;
};

}  // namespace crowd
