#include "perf/crowd/ledger.hpp"

#include <doctest/doctest.h>

namespace {

crowd::Payment payment(const std::string& reference, const std::string& hold, std::vector<std::string> seats) {
  crowd::Payment made;
  made.reference = reference;
  made.hold = hold;
  made.user = "anna";
  made.seats = std::move(seats);
  return made;
}

crowd::OrderAnswer answer(int status, const std::string& order, const std::string& state,
                          const std::string& durable = {}) {
  crowd::OrderAnswer told;
  told.status = status;
  told.order = order;
  told.state = state;
  told.durable = durable;
  return told;
}

crowd::OrderAnswer refusal(const std::string& code, bool refund) {
  crowd::OrderAnswer told;
  told.status = 409;
  told.code = code;
  told.refund_required = refund;
  return told;
}

}  // namespace

TEST_CASE("ledger: confirmed once is confirmed, however often it is said") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1", "A-1-2"}));
  ledger.told("p", answer(201, "h", "confirmed", "postgres"));
  ledger.told("p", answer(201, "h", "confirmed", "postgres"));
  ledger.told_later("p", answer(200, "h", "confirmed"));
  CHECK(ledger.violations().count() == 0);
  CHECK(ledger.orders_confirmed() == 1);
  CHECK(ledger.seats_confirmed() == 2);
}

TEST_CASE("ledger: the repetition answered with another order") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1"}));
  ledger.told("p", answer(201, "other", "confirmed", "postgres"));
  CHECK(ledger.violations().count() == 1);
}

TEST_CASE("ledger: one seat confirmed to two buyers") {
  crowd::Ledger ledger;
  ledger.report(payment("p1", "h1", {"A-1-1"}));
  ledger.report(payment("p2", "h2", {"A-1-1"}));
  ledger.told("p1", answer(201, "h1", "confirmed", "postgres"));
  ledger.told("p2", answer(201, "h2", "confirmed", "postgres"));
  CHECK(ledger.seats_promised_twice() == 1);
  CHECK(ledger.violations().count() == 1);
}

TEST_CASE("ledger: a pending order may end either way, and a late 202 takes nothing back") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1"}));
  ledger.told("p", answer(202, "h", "pending", "redis"));
  CHECK(ledger.payment("p").state == crowd::PaymentState::pending);
  ledger.told_later("p", answer(200, "h", "confirmed"));
  ledger.told("p", answer(202, "h", "pending", "redis"));
  CHECK(ledger.payment("p").state == crowd::PaymentState::confirmed);
  CHECK(ledger.violations().count() == 0);
}

TEST_CASE("ledger: a confirmation taken back") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1"}));
  ledger.told("p", answer(201, "h", "confirmed", "postgres"));
  SUBCASE("by a refusal") { ledger.told("p", refusal("hold_expired", true)); }
  SUBCASE("by the order's state") { ledger.told_later("p", answer(200, "h", "rejected")); }
  SUBCASE("by doubt") { ledger.told_later("p", answer(200, "h", "pending")); }
  CHECK(ledger.violations().count() == 1);
}

TEST_CASE("ledger: an answer that claims more than is true") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1"}));
  ledger.told("p", answer(201, "h", "confirmed", "redis"));
  CHECK(ledger.violations().count() == 1);
}

TEST_CASE("ledger: a payment that is turned away without a decision") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1"}));
  auto shut_out = refusal("admission_expired", false);
  shut_out.status = 403;
  ledger.told("p", shut_out);
  CHECK(ledger.violations().count() == 1);
  CHECK(ledger.payment("p").state == crowd::PaymentState::unanswered);
}

TEST_CASE("ledger: trouble on the way is no decision") {
  crowd::Ledger ledger;
  ledger.report(payment("p", "h", {"A-1-1"}));
  ledger.told("p", {});
  auto busy = refusal("overloaded", false);
  busy.status = 503;
  ledger.told("p", busy);
  CHECK(ledger.violations().count() == 0);
  CHECK(ledger.payment("p").state == crowd::PaymentState::unanswered);
}

TEST_CASE("violations: all are counted, a bounded number is kept") {
  crowd::Violations violations;
  for (int i = 0; i < 1000; ++i) violations.add("broken");
  CHECK(violations.count() == 1000);
  CHECK(violations.kept().size() == crowd::Violations::kept_max);
}
