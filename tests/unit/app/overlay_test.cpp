#include "app/overlay.hpp"

#include <doctest/doctest.h>

using app::HoldRecord;
using app::SaleState;
using app::Survivors;
using app::UserRecord;
using persist::OrderRow;

namespace {

// Section A: seats 0..9 in one row; GA: places 10..14.
core::Event hall() {
  auto event = core::parse_event("e", R"({"name":"n","opens_at":"2026-11-20T10:00:00.000Z","currency":"KRW",
    "sections":[{"id":"A","name":"A","amount":100,"rows":[{"row":"1","seats":10}]},
                {"id":"GA","name":"GA","amount":50,"general":5}]})");
  REQUIRE_MESSAGE(event, event.problem);
  return *event;
}

OrderRow order(std::string id, std::string user, std::vector<std::string> seats) {
  OrderRow made;
  made.order.reference = "pay-" + id, made.order.order = std::move(id), made.order.user = std::move(user);
  made.order.seats = std::move(seats), made.order.amount = 100, made.order.currency = "KRW";
  made.order.decided_at_ms = 77;
  return made;
}

HoldRecord hold(char state, std::string user, std::vector<uint32_t> seats) {
  HoldRecord made;
  made.state = state, made.user = std::move(user), made.seats = std::move(seats), made.deadline_ms = 1000;
  if (made.live_order()) made.paid_at_ms = 50, made.reference = "ref";
  return made;
}

SaleState lay(std::vector<OrderRow> orders, Survivors survivors = {}) {
  return app::overlay(hall(), orders, {}, std::move(survivors));
}

// The result fed in again as what survived, as after a rebuild that was cut at the very end.
Survivors survivors_of(const SaleState& sale) { return {sale.holds, sale.users, sale.unrecorded, sale.payments}; }

}  // namespace

TEST_CASE("an empty hall has every seat for sale") {
  const auto sale = lay({});
  CHECK(sale.seats == std::string(15, '.'));
  CHECK(sale.available == 15);
  CHECK(sale.held + sale.sold == 0);
  CHECK(sale.findings.empty());
}

TEST_CASE("after Redis lost everything no recorded seat can be sold again") {
  const auto sale = lay({order("01A", "u1", {"A-1-1", "A-1-2"}), order("01B", "u2", {"GA-0-1"})});
  CHECK(sale.seats == "xx........x....");
  CHECK(sale.sold == 3);
  CHECK(sale.available == 12);
  CHECK(sale.holds.at("01A").state == 'R');
  CHECK(sale.holds.at("01A").seats == std::vector<uint32_t>{0, 1});
  CHECK(sale.holds.at("01A").reference == "pay-01A");
  CHECK(sale.users.at("u1") == UserRecord{'d', 2, 1, {"01A"}});
  CHECK(sale.unrecorded.empty());
}

TEST_CASE("a hold survives and keeps its deadline; one that lost a seat to an order has expired and frees the rest") {
  Survivors survivors;
  survivors.holds["01H"] = hold('H', "u1", {4, 5});
  survivors.holds["01I"] = hold('H', "u2", {0, 1});
  survivors.holds["01P"] = hold('P', "u3", {7});
  survivors.users["u1"] = {'-', 2, 0, {"01H"}};
  survivors.users["u2"] = {'-', 2, 0, {"01I"}};
  const auto sale = lay({order("01A", "u9", {"A-1-1"})}, survivors);
  CHECK(sale.seats == "x...hh.p.......");
  CHECK(sale.held == 3);
  CHECK(sale.deadlines == std::map<std::string, int64_t>{{"01H", 1000}});
  CHECK(sale.holds.at("01I").state == 'E');
  CHECK(sale.users.at("u1") == UserRecord{'-', 2, 0, {"01H"}});
  CHECK(sale.users.at("u2") == UserRecord{'-', 0, 0, {}});
  CHECK(sale.users.at("u3").seats == 1);
  CHECK(sale.findings.size() == 1);
}

TEST_CASE("an unrecorded order keeps its seats and stays unrecorded") {
  Survivors survivors;
  survivors.holds["01C"] = hold('C', "u1", {3});
  survivors.users["u1"] = {'d', 1, 1, {"01C"}};
  survivors.unrecorded["01C"] = 50;
  const auto sale = lay({}, survivors);
  CHECK(sale.seats[3] == 'x');
  CHECK(sale.unrecorded == std::map<std::string, int64_t>{{"01C", 50}});
  CHECK(sale.users.at("u1") == UserRecord{'d', 1, 1, {"01C"}});
}

TEST_CASE("an order that lost its mark of being unrecorded gets it back, or nobody would ever record it") {
  Survivors survivors;
  survivors.holds["01C"] = hold('C', "u1", {3});
  CHECK(lay({}, survivors).unrecorded == std::map<std::string, int64_t>{{"01C", 50}});
}

TEST_CASE("an unrecorded order that conflicts is left to PostgreSQL, which writes the refund") {
  Survivors survivors;
  survivors.holds["01C"] = hold('C', "u1", {0, 1});
  survivors.unrecorded["01C"] = 50;
  const auto sale = lay({order("01A", "u2", {"A-1-1"})}, survivors);
  CHECK(sale.holds.at("01C").state == 'C');
  CHECK(sale.unrecorded.contains("01C"));
  CHECK(sale.seats.substr(0, 3) == "xx.");
}

TEST_CASE("an order PostgreSQL has and Redis calls unrecorded stays so until the log has said it") {
  Survivors survivors;
  survivors.holds["01C"] = hold('C', "u1", {0});
  survivors.users["u1"] = {'d', 1, 1, {"01C"}};
  survivors.unrecorded["01C"] = 50;
  const auto sale = lay({order("01C", "u1", {"A-1-1"})}, survivors);
  CHECK(sale.holds.at("01C").state == 'C');
  CHECK(sale.unrecorded.contains("01C"));
  CHECK(sale.users.at("u1").orders == 1);
}

TEST_CASE("a confirmation that Redis forgot is an order again and counts once") {
  Survivors survivors;
  survivors.holds["01A"] = hold('H', "u1", {0});
  survivors.users["u1"] = {'-', 1, 0, {"01A"}};
  const auto sale = lay({order("01A", "u1", {"A-1-1"})}, survivors);
  CHECK(sale.holds.at("01A").state == 'R');
  CHECK(sale.seats[0] == 'x');
  CHECK(sale.deadlines.empty());
  CHECK(sale.users.at("u1") == UserRecord{'d', 1, 1, {"01A"}});
  CHECK(sale.done == std::vector<std::string>{"u1"});
}

TEST_CASE("a rejection that Redis does not know yet frees the seats and is final") {
  Survivors survivors;
  survivors.holds["01C"] = hold('C', "u1", {0, 1});
  survivors.users["u1"] = {'d', 2, 1, {"01C"}};
  survivors.unrecorded["01C"] = 50;
  auto rejected = order("01C", "u1", {"A-1-1", "A-1-2"});
  rejected.state = persist::Outcome::rejected, rejected.reason = "seat_taken";
  const auto sale = lay({rejected, order("01A", "u2", {"A-1-1"})}, survivors);
  CHECK(sale.seats.substr(0, 3) == "x..");
  CHECK(sale.holds.at("01C").state == 'J');
  CHECK(sale.holds.at("01C").reason == "seat_taken");
  CHECK(sale.unrecorded.empty());
  CHECK(sale.users.at("u1") == UserRecord{'d', 0, 1, {"01C"}});
}

TEST_CASE("a cancelled order's seats are free again") {
  auto cancelled = order("01A", "u1", {"A-1-1"});
  cancelled.state = persist::Outcome::cancelled;
  const auto sale = lay({cancelled, order("01B", "u2", {"A-1-1"})});
  CHECK(sale.holds.at("01A").state == 'X');
  CHECK(sale.holds.at("01B").state == 'R');
  CHECK(sale.sold == 1);
}

TEST_CASE("a seat Redis calls recorded and PostgreSQL does not know is reported, never freed") {
  Survivors survivors;
  survivors.holds["01R"] = hold('R', "u1", {2});
  const auto sale = lay({}, survivors);
  CHECK(sale.seats[2] == 'x');
  CHECK(sale.holds.at("01R").state == 'R');
  REQUIRE(sale.findings.size() == 1);
  CHECK(sale.findings[0].find("01R") != std::string::npos);
}

TEST_CASE("what waits to be recorded without a record is dropped and reported; a refused payment stays") {
  Survivors survivors;
  survivors.unrecorded["01Z"] = 5;
  survivors.unrecorded["p:ref-1"] = 6;
  survivors.unrecorded["p:ref-2"] = 7;
  survivors.payments["ref-1"] = {"hold_expired", "01Y", "u1", 100, "KRW"};
  const auto sale = lay({}, survivors);
  CHECK(sale.unrecorded == std::map<std::string, int64_t>{{"p:ref-1", 6}});
  CHECK(sale.findings.size() == 2);
}

TEST_CASE("a payment PostgreSQL recorded is known again, so the same money is answered the same") {
  const persist::PaymentRow paid{"ref-9", "01Y", "u1", "hold_expired", "KRW", 100, true};
  const auto sale = app::overlay(hall(), {}, std::span{&paid, 1}, {});
  CHECK(sale.payments.at("ref-9") == app::PaymentRecord{"hold_expired", "01Y", "u1", 100, "KRW"});
}

TEST_CASE("a user who has admissions left stays without a status") {
  auto event = hall();
  event.admission.orders_per_admission = 2;
  const std::vector orders{order("01A", "u1", {"A-1-1"})};
  const auto sale = app::overlay(event, orders, {}, {});
  CHECK(sale.users.at("u1") == UserRecord{'-', 1, 1, {"01A"}});
  CHECK(sale.done.empty());
}

TEST_CASE("a user without holds keeps what is known of the time in line") {
  Survivors survivors;
  survivors.users["u1"] = {'l', 3, 1, {"01Z"}};
  CHECK(lay({}, survivors).users.at("u1") == UserRecord{'l', 0, 1, {}});
}

TEST_CASE("a seat the event does not have is reported and does no harm") {
  Survivors survivors;
  survivors.holds["01H"] = hold('H', "u1", {14, 15, 4000000000});
  const auto sale = lay({order("01A", "u2", {"A-1-1", "B-1-1"})}, survivors);
  CHECK(sale.sold == 1);
  CHECK(sale.seats[14] == 'h');
  CHECK(sale.findings.size() == 2);
}

TEST_CASE("a rebuild that was cut and started again comes to the same state") {
  Survivors survivors;
  survivors.holds["01A"] = hold('H', "u1", {0});
  survivors.holds["01C"] = hold('C', "u2", {3});
  survivors.holds["01H"] = hold('H', "u3", {0, 5});
  survivors.holds["01P"] = hold('P', "u4", {7});
  survivors.users["u1"] = {'-', 1, 0, {"01A"}};
  survivors.unrecorded["01C"] = 50;
  const std::vector orders{order("01A", "u1", {"A-1-1"}), order("01B", "u5", {"GA-0-5"})};
  const auto once = lay(orders, survivors);
  const auto twice = lay(orders, survivors_of(once));
  CHECK(twice.seats == once.seats);
  CHECK(twice.holds == once.holds);
  CHECK(twice.users == once.users);
  CHECK(twice.deadlines == once.deadlines);
  CHECK(twice.unrecorded == once.unrecorded);
  CHECK(twice.payments == once.payments);
}
