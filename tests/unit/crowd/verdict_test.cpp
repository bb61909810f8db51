// A small honest sale, then one lie at a time: each must be found.
#include "perf/crowd/verdict.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

constexpr std::string_view definition =
    R"({"name":"n","opens_at":"2026-11-20T10:00:00.000Z","currency":"KRW","sections":[)"
    R"({"id":"A","name":"A","amount":100,"rows":[{"row":"1","seats":4}]},)"
    R"({"id":"GA","name":"G","amount":10,"general":2}]})";

struct World {
  World() {
    event.number_seats();
    buy("h1", "anna", {"A-1-1", "A-1-2"}, 200);
    buy("h2", "ben", {"GA-0-1"}, 10);
    redis.seats = "xx..x.";
    redis.available = 3;
    redis.sold = 3;
    kafka.emplace();
    kafka->announced["order.confirmed"] = {"h1", "h2"};
    kafka->transitions = {{1, "seats.held", "h0", {"A-1-1"}},
                          {2, "seats.expired", "h0", {"A-1-1"}},
                          {3, "seats.held", "h1", {"A-1-1", "A-1-2"}},
                          {4, "seats.held", "h2", {"GA-0-1"}},
                          {5, "seats.confirmed", "h1", {"A-1-1", "A-1-2"}},
                          {6, "seats.confirmed", "h2", {"GA-0-1"}}};
  }

  void buy(const std::string& hold, const std::string& user, std::vector<std::string> seats, int64_t amount) {
    pay(hold, user, seats, amount);
    crowd::OrderAnswer told;
    told.status = 201;
    told.order = hold;
    told.state = "confirmed";
    told.durable = "postgres";
    ledger.told("pay-" + hold, told);
    postgres.orders.push_back({hold, user, "confirmed", "pay-" + hold, seats, amount, false});
    for (const auto& seat : seats) postgres.seats.push_back({seat, hold});
    postgres.payments.push_back({"pay-" + hold, "order", hold, false});
  }

  void pay(const std::string& hold, const std::string& user, std::vector<std::string> seats, int64_t amount) {
    crowd::Payment payment;
    payment.reference = "pay-" + hold;
    payment.hold = hold;
    payment.user = user;
    payment.seats = std::move(seats);
    payment.amount = amount;
    ledger.report(payment);
  }

  void refuse(const std::string& hold, bool refund) {
    crowd::OrderAnswer told;
    told.status = 409;
    told.code = "hold_expired";
    told.refund_required = refund;
    ledger.told("pay-" + hold, told);
  }

  crowd::Verdict verdict() const { return crowd::judge(event, ledger, postgres, redis, kafka); }
  bool found(std::string_view words) const {
    auto violations = verdict().violations;
    return std::any_of(violations.kept().begin(), violations.kept().end(),
                       [&](const auto& sentence) { return sentence.find(words) != std::string::npos; });
  }

  core::Event event = *core::parse_event("e", definition);
  crowd::Ledger ledger;
  crowd::PostgresEvidence postgres;
  crowd::RedisEvidence redis;
  std::optional<crowd::KafkaEvidence> kafka;
};

}  // namespace

TEST_CASE("verdict: an honest sale is not accused") {
  World world;
  auto verdict = world.verdict();
  CHECK(verdict.violations.count() == 0);
  CHECK(verdict.sold == 3);
  CHECK(verdict.oversold == 0);
  CHECK(verdict.orders_confirmed == 2);
  CHECK(verdict.orders_recorded == 2);
  CHECK(verdict.orders_announced == 2);
}

TEST_CASE("verdict: a 201 whose row is missing") {
  World world;
  world.postgres.orders.pop_back();
  CHECK(world.found("was told order h2 is confirmed; PostgreSQL says nothing"));
}

TEST_CASE("verdict: a 201 whose row says rejected") {
  World world;
  world.postgres.orders[0].state = "rejected";
  CHECK(world.found("was told order h1 is confirmed; PostgreSQL says rejected"));
}

TEST_CASE("verdict: an order recorded for somebody else, or with other seats, or at another price") {
  World world;
  SUBCASE("user") {
    world.postgres.orders[0].user = "eve";
    CHECK(world.found("order h1 belongs to eve"));
  }
  SUBCASE("seats") {
    world.postgres.orders[0].seats = {"A-1-1", "A-1-3"};
    CHECK(world.found("other seats"));
  }
  SUBCASE("price") {
    world.postgres.orders[0].amount = 1;
    CHECK(world.found("costs 1"));
  }
}

TEST_CASE("verdict: a seat sold to two orders counts as oversold") {
  World world;
  world.postgres.seats.push_back({"A-1-1", "h2"});
  CHECK(world.verdict().oversold > 0);
  CHECK(world.found("sold seat A-1-1 to order"));
}

TEST_CASE("verdict: a confirmed order that does not own its seats") {
  World world;
  world.postgres.seats.erase(world.postgres.seats.begin());
  CHECK(world.found("without owning its seat A-1-1"));
  CHECK(world.verdict().oversold == 1);
}

TEST_CASE("verdict: Redis and PostgreSQL disagree about a seat, either way") {
  World world;
  SUBCASE("sold, yet offered again") { world.redis.seats[0] = '.'; }
  SUBCASE("free, yet blocked for good") { world.redis.seats[3] = 'x'; }
  CHECK(world.verdict().violations.count() >= 1);
}

TEST_CASE("verdict: orders left unrecorded, counters that drifted") {
  World world;
  world.redis.unrecorded = 1;
  world.redis.available = 4;
  CHECK(world.found("1 unrecorded"));
  CHECK(world.found("counts 4 seats available"));
}

TEST_CASE("verdict: told sold out with seats left") {
  World world;
  world.ledger.told_sold_out();
  CHECK(world.found("told it is sold out"));
}

TEST_CASE("verdict: a pending order must end, and nothing else may be promised") {
  World world;
  world.pay("h3", "carl", {"A-1-3"}, 100);
  crowd::OrderAnswer told;
  told.status = 202;
  told.order = "h3";
  told.state = "pending";
  world.ledger.told("pay-h3", told);
  CHECK(world.found("order h3 is pending; nothing became of it"));
}

TEST_CASE("verdict: refused money without a row or without its promised refund") {
  World world;
  world.pay("h3", "carl", {"A-1-3"}, 100);
  world.refuse("h3", true);
  CHECK(world.found("pay-h3 was refused and has no row"));
  world.postgres.payments.push_back({"pay-h3", "hold_expired", "h3", false});
  CHECK(world.found("pay-h3 was promised a refund"));
  world.postgres.payments.back().refund_required = true;
  CHECK(world.found("refund of pay-h3 was not announced"));
  world.kafka->announced["refund.required"] = {"h3"};
  CHECK(world.verdict().violations.count() == 0);
}

TEST_CASE("verdict: refused to the buyer, yet recorded as sold") {
  World world;
  world.pay("h3", "carl", {"A-1-3"}, 100);
  world.refuse("h3", true);
  world.postgres.orders.push_back({"h3", "carl", "confirmed", "pay-h3", {"A-1-3"}, 100, false});
  world.postgres.seats.push_back({"A-1-3", "h3"});
  world.postgres.payments.push_back({"pay-h3", "order", "h3", false});
  CHECK(world.found("was refused (hold_expired), but order h3 is confirmed"));
}

TEST_CASE("verdict: a recorded order that nobody announced, an announced one that nobody recorded") {
  World world;
  world.kafka->announced["order.confirmed"] = {"h1", "h9"};
  CHECK(world.found("order h2 is confirmed and was not announced"));
  CHECK(world.found("order.confirmed was announced for h9"));
}

TEST_CASE("verdict: a log with holes or out of order") {
  World world;
  world.kafka->seqs_missing = 2;
  world.kafka->out_of_order = 1;
  CHECK(world.found("2 entries of the sale's log"));
  CHECK(world.found("a seq that fell"));
}

TEST_CASE("verdict: the announced history gives a seat to two at once") {
  World world;
  world.kafka->transitions.insert(world.kafka->transitions.begin() + 3, {4, "seats.held", "thief", {"A-1-1"}});
  CHECK(world.found("seat A-1-1 was given to thief while h1 had it"));
  CHECK(world.verdict().oversold > 0);
}

TEST_CASE("verdict: a rebuild may forget a hold, but not an order") {
  World world;
  constexpr int64_t epoch_two = int64_t{2} << 32;
  auto& transitions = world.kafka->transitions;
  transitions.insert(transitions.begin() + 4, {4, "seats.held", "lost", {"A-1-3"}});
  SUBCASE("the seat of a forgotten hold is given to another") {
    transitions.push_back({epoch_two + 1, "seats.held", "h3", {"A-1-3"}});
    CHECK(world.verdict().violations.count() == 0);
  }
  SUBCASE("a hold that survived goes on") {
    transitions.push_back({epoch_two + 1, "seats.released", "lost", {"A-1-3"}});
    CHECK(world.verdict().violations.count() == 0);
  }
  SUBCASE("a sold seat is given away") {
    transitions.push_back({epoch_two + 1, "seats.held", "thief", {"A-1-1"}});
    CHECK(world.found("seat A-1-1 was given to thief while h1 had it"));
  }
}

TEST_CASE("verdict: places lost are all counted and told in short") {
  World world;
  for (int i = 0; i < 500; ++i) world.ledger.place_lost("somebody fell back");
  CHECK(world.verdict().places_lost == 500);
  CHECK(world.found("500 places in line were lost"));
  CHECK(world.verdict().violations.count() < 30);
}

TEST_CASE("verdict: a broker that dropped old messages is not taken for a gap") {
  World world;
  world.kafka->announced.clear();
  world.kafka->transitions.clear();
  world.kafka->seqs_missing = 40;
  world.kafka->truncated = true;
  CHECK(world.verdict().violations.count() == 0);
}

TEST_CASE("verdict: without Kafka nothing is expected of it") {
  World world;
  world.kafka.reset();
  CHECK(world.verdict().violations.count() == 0);
}
