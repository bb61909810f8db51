// The way of an order to PostgreSQL and back, with a carrier of the test's own and a Redis that is never there: who
// waits is told once, whatever happens, and the way ends.
#include "seat/recordings.hpp"

#include <doctest/doctest.h>

#include <vector>

using core::Error;
using persist::Outcome;
using persist::Recorded;

namespace {

// Keeps rows until the test decides on them.
struct Carrier {
  std::vector<std::unique_ptr<persist::Order>> orders;
  std::vector<std::unique_ptr<persist::Refusal>> refusals;
  std::vector<core::Continuation<Recorded>> decided;
  Error refuse = Error::none;

  seat::RecordCarrier carrier() { return {&take<persist::Order>, &take<persist::Refusal>, this}; }
  void decide(std::size_t row, const Recorded& recorded) {
    decided[row].resume(decided[row].context, &recorded, Error::none);
  }
  void keep(std::unique_ptr<persist::Order> row) { orders.push_back(std::move(row)); }
  void keep(std::unique_ptr<persist::Refusal> row) { refusals.push_back(std::move(row)); }

 private:
  template <class Row>
  static Error take(void* context, std::unique_ptr<Row> row, core::Continuation<Recorded> continuation) {
    auto& self = *static_cast<Carrier*>(context);
    if (self.refuse != Error::none) return self.refuse;
    self.keep(std::move(row));
    self.decided.push_back(continuation);
    return Error::none;
  }
};

struct Waiter {
  int calls = 0;
  Error error = Error::none;
  Recorded recorded;
  core::Continuation<Recorded> continuation() {
    return {[](void* context, const Recorded* answer, Error why) noexcept {
              auto& self = *static_cast<Waiter*>(context);
              ++self.calls;
              self.error = why;
              if (answer != nullptr) self.recorded = *answer;
            },
            this};
  }
};

core::Event event() {
  auto parsed = core::parse_event("e", R"({"name":"n","currency":"KRW","opens_at":"2026-01-01T00:00:00.000Z",
    "sections":[{"id":"A","name":"A","amount":100,"rows":[{"row":"1","seats":10}]}]})");
  REQUIRE_MESSAGE(parsed, parsed.problem);
  parsed.value->epoch = 1;
  return std::move(*parsed.value);
}

struct World {
  lua::Scripts scripts;
  core::Keyring keys = *core::Keyring::parse("1:" + std::string(64, 'a') + "\n").value;
  std::atomic<uint64_t> trusted{0};
  net::Loop loop;  // not opened: its timers are started and stopped, and never fire
  net::RedisLink link{loop, {}, {}, trusted};
  queue::LiveEvent live{link, scripts, keys, std::make_shared<core::Event>(event())};
  Carrier carrier;
  int alarms = 0;
  seat::Recordings recordings{
      loop, carrier.carrier(), {[](void* count) noexcept { ++*static_cast<int*>(count); }, &alarms}};

  Error record(Waiter& waiter, const std::string& order) {
    persist::Order row;
    row.order = order;
    return recordings.record(live, std::move(row), 1000, waiter.continuation());
  }
  // What the turn's end does: recorded.lua is sent, and refused, because there is no Redis.
  void flush() { live.batch(queue::Decision::recorded).flush(); }
};

Recorded outcome(Outcome which, const std::string& reason = {}) {
  Recorded recorded;
  recorded.outcome = which;
  recorded.reason = reason;
  return recorded;
}

}  // namespace

TEST_CASE("an order is told as PostgreSQL decided, once, also when Redis cannot be told any more") {
  World world;
  Waiter confirmed, rejected;
  REQUIRE(world.record(confirmed, "O1") == Error::none);
  REQUIRE(world.record(rejected, "O2") == Error::none);
  CHECK(world.recordings.under_way() == 2);
  world.carrier.decide(1, outcome(Outcome::rejected, "seat_taken"));
  world.carrier.decide(0, outcome(Outcome::confirmed));
  CHECK(confirmed.calls == 0);  // not before Redis was told
  world.flush();
  CHECK(confirmed.calls == 1);
  CHECK(confirmed.recorded.outcome == Outcome::confirmed);
  CHECK(rejected.calls == 1);
  CHECK(rejected.recorded.reason == "seat_taken");
  CHECK(world.recordings.idle());
  CHECK(world.alarms == 0);
}

TEST_CASE("a refused payment goes to PostgreSQL by its reference, all of it") {
  World world;
  Waiter waiter;
  persist::Refusal refusal;
  refusal.reference = "a-reference-longer-than-a-small-string";
  refusal.decision = "hold_expired";
  REQUIRE(world.recordings.record(world.live, refusal, 1000, waiter.continuation()) == Error::none);
  REQUIRE(world.carrier.refusals.size() == 1);
  CHECK(world.carrier.refusals[0]->reference == refusal.reference);
  world.carrier.decide(0, outcome(Outcome::refused, "hold_expired"));
  world.flush();
  CHECK(waiter.calls == 1);
  CHECK(world.recordings.idle());
}

TEST_CASE("what PostgreSQL did not take is told at once, and Redis keeps calling it unrecorded") {
  World world;
  Waiter away, stale;
  REQUIRE(world.record(away, "O1") == Error::none);
  REQUIRE(world.record(stale, "O2") == Error::none);
  world.carrier.decide(0, outcome(Outcome::unavailable));
  CHECK(away.calls == 1);
  CHECK(away.error == Error::unavailable);
  CHECK(world.alarms == 0);
  world.carrier.decide(1, outcome(Outcome::stale_epoch));
  CHECK(stale.calls == 1);
  CHECK(stale.recorded.outcome == Outcome::stale_epoch);
  CHECK(world.alarms == 1);
  CHECK(world.recordings.idle());
  CHECK(world.live.batch(queue::Decision::recorded).idle());
}

TEST_CASE("a full or stopping writer pool is an error at once, and nobody is told twice") {
  World world;
  Waiter waiter;
  for (const auto error : {Error::overload, Error::closed}) {
    world.carrier.refuse = error;
    CHECK(world.record(waiter, "O1") == error);
  }
  CHECK(waiter.calls == 0);
  CHECK(world.recordings.idle());
}

TEST_CASE("who is told may record again at once") {
  struct Again {
    World world;
    Waiter second;
    int told = 0;
  } again;
  const core::Continuation<Recorded> first{[](void* context, const Recorded*, Error) noexcept {
                                             auto& self = *static_cast<Again*>(context);
                                             ++self.told;
                                             CHECK(self.world.record(self.second, "O2") == Error::none);
                                           },
                                           &again};
  auto& world = again.world;
  REQUIRE(world.recordings.record(world.live, persist::Order{}, 1000, first) == Error::none);
  world.carrier.decide(0, outcome(Outcome::stale_epoch));
  CHECK(again.told == 1);
  CHECK(world.recordings.under_way() == 1);
  world.carrier.decide(1, outcome(Outcome::unavailable));
  CHECK(again.second.calls == 1);
  CHECK(world.recordings.idle());
}
