#include "persist/writer_pool.hpp"

#include <poll.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "tests/integration/persist/stand.hpp"

using persist::Outcome;
using stand::order;

namespace {

// Where continuations come home: counts each caller's calls.
struct Desk {
  struct Slot {
    Desk* desk;
    std::string id;
    int calls = 0;
    persist::Recorded recorded;
  };
  std::map<std::string, std::unique_ptr<Slot>> slots;
  std::size_t answered = 0;

  core::Continuation<persist::Recorded> continuation(const std::string& id) {
    auto& slot = slots[id] = std::make_unique<Slot>(Slot{this, id, 0, {}});
    return {[](void* context, const persist::Recorded* recorded, core::Error) noexcept {
              auto* own = static_cast<Slot*>(context);
              ++own->calls, ++own->desk->answered;
              own->recorded = *recorded;
            },
            slot.get()};
  }
  std::size_t count(Outcome outcome) const {
    std::size_t found = 0;
    for (const auto& [id, slot] : slots) found += slot->calls == 1 && slot->recorded.outcome == outcome ? 1 : 0;
    return found;
  }
};

// What a loop does: waits for the port's eventfd, reads it, delivers.
void turn(persist::Port& port, int wait_ms) {
  pollfd waiting{port.event_fd(), POLLIN, 0};
  if (poll(&waiting, 1, wait_ms) == 1) {
    uint64_t rings;
    REQUIRE(read(port.event_fd(), &rings, sizeof rings) == sizeof rings);
  }
  port.deliver();
}

bool submit(persist::Port& port, Desk& desk, persist::Order&& row) {
  auto continuation = desk.continuation(row.order);
  const auto error = port.submit(std::make_unique<persist::Order>(std::move(row)), continuation);
  if (error == core::Error::none) return true;
  REQUIRE(error == core::Error::overload);
  return false;
}

// Submits `count` orders of one seat each, delivering whenever the rings are full, until all are answered.
void sell(persist::Port& port, Desk& desk, const std::string& prefix, int count) {
  for (int at = 0; at < count; ++at) {
    const std::string id = prefix + std::to_string(at);
    while (!submit(port, desk, order(id, {"S-" + id}))) turn(port, 100);
  }
  while (port.in_flight() > 0) turn(port, 100);
}

}  // namespace

TEST_CASE("WriterPool: five thousand orders of two cores are each answered once and recorded once") {
  stand::Database database;
  persist::WriterPool pool{{.dsn = database.dsn(), .writers = 2, .cores = 2, .ring_entries = 256}, stand::quiet};
  REQUIRE(pool.start().problem == "");
  Desk desks[2];
  std::thread other{[&] { sell(pool.port(1), desks[1], "b", 2500); }};
  sell(pool.port(0), desks[0], "a", 2500);
  other.join();
  for (auto& desk : desks) {
    CHECK(desk.answered == 2500);
    CHECK(desk.count(Outcome::confirmed) == 2500);
  }
  CHECK(database.value("SELECT count(*) FROM orders WHERE state = 'confirmed'") == "5000");
  CHECK(database.value("SELECT count(*) FROM order_seats") == "5000");
  CHECK(database.value("SELECT count(*) FROM outbox") == "5000");
  const auto figures = pool.figures();
  CHECK(figures.recorded == 5000);
  CHECK(figures.transactions < 5000);  // batches grew by themselves
  CHECK(figures.reachable);
}

TEST_CASE("WriterPool: PostgreSQL killed in the middle: every continuation is called once and the rows are exact") {
  stand::Database database;
  persist::WriterPool pool{{.dsn = database.dsn(), .writers = 2, .cores = 1, .ring_entries = 64}, stand::silent};
  REQUIRE(pool.start().problem == "");
  Desk desk;
  auto& port = pool.port(0);
  std::atomic<bool> stop{false};
  int submitted = 0, kills = 0;
  auto submit_one = [&] {
    const std::string id = "k" + std::to_string(submitted);
    // Every tenth order wants the seat of the one before it, and is rejected whatever happens in between.
    const std::string seat = submitted % 10 == 9 ? "S-k" + std::to_string(submitted - 1) : "S-" + id;
    const bool taken = submit(port, desk, order(id, {seat}));
    submitted += taken ? 1 : 0;
    return taken;
  };
  auto submit_some = [&](int count) {
    for (int until = submitted + count; submitted < until;)
      if (!submit_one()) turn(port, 20);
  };
  while (kills < 3) {
    submit_some(300);
    stand::server().kill9(), ++kills;
    for (int more = 0; more < 20 && submit_one(); ++more) {  // as many as the ring has room for while nobody records
    }
    stand::server().start();
    submit_some(300);
  }
  while (port.in_flight() > 0) turn(port, 100);
  CHECK(desk.answered == static_cast<std::size_t>(submitted));
  for (const auto& [id, slot] : desk.slots) CHECK(slot->calls == 1);
  CHECK(desk.count(Outcome::confirmed) + desk.count(Outcome::rejected) == desk.slots.size());
  CHECK(desk.count(Outcome::rejected) == desk.slots.size() / 10);
  CHECK(database.value("SELECT count(*) FROM orders") == std::to_string(submitted));
  CHECK(database.value("SELECT count(*) FROM order_seats") == std::to_string(desk.count(Outcome::confirmed)));
  CHECK(database.value("SELECT count(*) FROM outbox WHERE type = 'refund.required'") ==
        std::to_string(desk.count(Outcome::rejected)));
  for (const auto& row : database.sql("SELECT id, state FROM orders"))
    CHECK(row[1] == persist::name(desk.slots.at(row[0])->recorded.outcome));
  CHECK(pool.figures().retries > 0);
}

TEST_CASE("WriterPool: stopping records what was submitted; the outcomes wait in the port") {
  stand::Database database;
  persist::WriterPool pool{{.dsn = database.dsn(), .writers = 1}, stand::quiet};
  REQUIRE(pool.start().problem == "");
  Desk desk;
  for (int at = 0; at < 1000; ++at)
    REQUIRE(submit(pool.port(0), desk, order(std::to_string(at), {std::to_string(at)})));
  pool.stop();
  auto late = std::make_unique<persist::Order>(order("late", {"late"}));
  CHECK(pool.port(0).submit(std::move(late), desk.continuation("late")) == core::Error::closed);
  pool.port(0).deliver();
  CHECK(desk.answered == 1000);
  CHECK(desk.count(Outcome::confirmed) == 1000);
  CHECK(database.value("SELECT count(*) FROM orders") == "1000");
}

TEST_CASE("WriterPool: stopping without PostgreSQL answers unavailable, once each") {
  persist::WriterPool pool{{.dsn = "host=/nonexistent dbname=x", .writers = 2, .drain_ms_max = 200}, stand::silent};
  REQUIRE(pool.start().problem == "");
  Desk desk;
  for (int at = 0; at < 100; ++at) REQUIRE(submit(pool.port(0), desk, order(std::to_string(at), {std::to_string(at)})));
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK_FALSE(pool.figures().reachable);
  pool.stop();
  pool.port(0).deliver();
  CHECK(desk.answered == 100);
  CHECK(desk.count(Outcome::unavailable) == 100);
}

TEST_CASE("WriterPool: what was submitted to a pool that never started is answered when it stops") {
  persist::WriterPool pool{{.dsn = "host=/nonexistent dbname=x"}, stand::silent};
  Desk desk;
  REQUIRE(submit(pool.port(0), desk, order("a", {"a"})));
  pool.stop();
  pool.port(0).deliver();
  CHECK(desk.count(Outcome::unavailable) == 1);
}

TEST_CASE("WriterPool: full rings are an answer, and take more when they have drained") {
  stand::Database database;
  persist::WriterPool pool{{.dsn = database.dsn(), .writers = 1, .ring_entries = 8}, stand::quiet};
  Desk desk;
  for (int at = 0; at < 8; ++at) REQUIRE(submit(pool.port(0), desk, order(std::to_string(at), {std::to_string(at)})));
  CHECK(pool.port(0).submit(std::make_unique<persist::Order>(order("x", {"x"})), {}) == core::Error::overload);
  REQUIRE(pool.start().problem == "");
  while (pool.port(0).in_flight() > 0) turn(pool.port(0), 100);
  CHECK(desk.count(Outcome::confirmed) == 8);
  CHECK(submit(pool.port(0), desk, order("y", {"y"})));
  while (pool.port(0).in_flight() > 0) turn(pool.port(0), 100);
}

TEST_CASE("WriterPool: orders of an old epoch are told to the keeper with everything in them") {
  stand::Database database;
  std::mutex mutex;
  std::vector<std::string> told;
  persist::WriterPool pool{{.dsn = database.dsn(),
                            .writers = 1,
                            .stale_order =
                                [&](const persist::Order& row) {
                                  std::lock_guard lock{mutex};
                                  told.push_back(row.order + row.reference);
                                },
                            .stale_refusal =
                                [&](const persist::Refusal& row) {
                                  std::lock_guard lock{mutex};
                                  told.push_back(row.reference);
                                }},
                           stand::quiet};
  REQUIRE(pool.start().problem == "");
  database.sql("SELECT onsale_raise_epoch('gala', 1)");
  Desk desk;
  REQUIRE(submit(pool.port(0), desk, order("01A", {"A-1-1"})));
  auto money = std::make_unique<persist::Refusal>(stand::refusal("pay-2", "01B", "hold_expired"));
  REQUIRE(pool.port(0).submit(std::move(money), desk.continuation("refusal")) == core::Error::none);
  while (pool.port(0).in_flight() > 0) turn(pool.port(0), 100);
  CHECK(desk.count(Outcome::stale_epoch) == 2);
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<std::string>{"01Apay-01A", "pay-2"});
}

TEST_CASE("WriterPool: an event whose row is locked does not hold up another event's answers for ever") {
  stand::Database database;
  database.sql("INSERT INTO events (id, definition) VALUES ('opera', '{}')");
  persist::Postgres operator_{{.dsn = database.dsn()}};
  REQUIRE(operator_.connect());
  REQUIRE(operator_.script("BEGIN; UPDATE events SET definition = '{}' WHERE id = 'gala'"));
  persist::WriterPool pool{{.dsn = database.dsn(), .writers = 2}, stand::quiet};
  REQUIRE(pool.start().problem == "");
  Desk desk;
  REQUIRE(submit(pool.port(0), desk, order("01A", {"A-1-1"})));
  std::this_thread::sleep_for(std::chrono::milliseconds{100});
  auto other = order("01B", {"A-1-1"});
  other.event = "opera";
  REQUIRE(submit(pool.port(0), desk, std::move(other)));
  CHECK(fixtures::eventually([&] { return turn(pool.port(0), 10), desk.answered == 1; }));
  CHECK(desk.slots["01B"]->recorded.outcome == Outcome::confirmed);
  REQUIRE(operator_.script("COMMIT"));
  while (pool.port(0).in_flight() > 0) turn(pool.port(0), 100);
  CHECK(desk.slots["01A"]->recorded.outcome == Outcome::confirmed);
}
