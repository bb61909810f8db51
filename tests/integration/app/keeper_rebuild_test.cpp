#include <sys/wait.h>

#include <thread>
#include <utility>

#include "core/hash.hpp"
#include "tests/integration/app/keeper_fixture.hpp"

using app::EventMove;
using app::MoveResult;
using core::EventState;
using keeper_tests::definition;
using keeper_tests::Node;
using keeper_tests::Sale;

TEST_CASE("a Redis that evicts is refused at the start, in words that say what to change") {
  Sale sale{{.maxmemory_policy = "allkeys-lru"}};
  Node node{sale.dsn, sale.redis};
  const auto problem = node.keeper.check().problem;
  CHECK(problem.find("allkeys-lru") != std::string::npos);
  CHECK(problem.find("noeviction") != std::string::npos);
}

TEST_CASE("an unreachable Redis and a missing schema are refused at the start") {
  Sale sale;
  Node good{sale.dsn, sale.redis};
  CHECK(good.keeper.check().problem == "");
  Node empty{keeper_tests::postgres_server().database(), sale.redis};
  CHECK(empty.keeper.check().problem.find("migrate") != std::string::npos);
  sale.redis.stop();
  Node unreachable{sale.dsn, sale.redis};
  CHECK(unreachable.keeper.check().problem.find("cannot reach Redis") != std::string::npos);
}

TEST_CASE("warming writes every seat for sale and the terms of the definition, and the generation is trusted") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.insert("e", definition());
  REQUIRE(node.reaches("e", EventState::draft));
  CHECK(sale.redis_number({"EXISTS", "{e}:meta"}) == 0);
  REQUIRE(node.move("e", EventMove::warm).code == MoveResult::Code::done);
  CHECK(sale.seats() == std::string(15, '.'));
  CHECK(sale.meta("available") == "15");
  CHECK(sale.meta("state") == "warmed");
  CHECK(sale.meta("rate_per_s") == "100");
  CHECK(sale.meta("hold_ttl_ms") == "300000");
  CHECK(sale.sql("SELECT state, epoch FROM events")[0] == std::vector<std::string>{"warmed", "1"});
  node.keeper.tick();
  const auto info = sale.redis_text({"INFO", "replication"});
  CHECK(node.generation.trusted == core::fnv1a(app::info_field(info, "master_replid")));
  CHECK(node.catalog.get()->find("e")->state == EventState::warmed);
}

TEST_CASE("after FLUSHALL no recorded seat is sold again, at a higher epoch") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy_recorded(node, "01A", "u1", "0,1");
  sale.buy_recorded(node, "01B", "u2", "4");
  sale.buy_recorded(node, "01C", "u3", "10");
  REQUIRE(sale.hold("01H", "u4", "7") == "ok");
  REQUIRE(sale.hold("01I", "u5", "8") == "ok");
  const auto next = sale.redis_number({"HGET", "{e}:meta", "next"});
  (void)sale.redis_text({"FLUSHALL"});
  REQUIRE(node.reaches("e", EventState::open));
  CHECK(sale.seats() == "xx..x.....x....");
  CHECK(sale.meta("epoch") == "2");
  CHECK(sale.sql("SELECT epoch FROM events")[0][0] == "2");
  CHECK(node.catalog.get()->find("e")->epoch == 2);
  CHECK(sale.redis_number({"HGET", "{e}:meta", "next"}) > next);
  CHECK(sale.hold("01X", "u9", "1") == "seat_taken");
  CHECK(sale.hold("01Y", "u9", "7") == "ok");  // holds were Redis' alone
  CHECK(sale.record("01A").starts_with("R;u1;"));
  CHECK(sale.confirm("01A", "u1", "pay-01A") == "ok");  // asked again: the same order
  CHECK(sale.confirm("01A", "u1", "pay-other") == "already_paid");
}

TEST_CASE("after kill -9 and a restart from the AOF holds survive and orders stay orders") {
  Sale sale{{.append_fsync = "always"}};
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy_recorded(node, "01A", "u1", "0,1");
  REQUIRE(sale.hold("01H", "u4", "7,8") == "ok");
  (void)sale.redis_number({"ZADD", "{e}:line", "4294967300", "u7"});
  const auto trusted = node.generation.trusted.load();
  sale.redis.kill9();
  node.keeper.tick();
  CHECK(!node.keeper.status()->redis);
  sale.redis.start();
  sale.reconnect();
  REQUIRE(node.reaches("e", EventState::open));
  CHECK(sale.seats() == "xx.....hh......");
  CHECK(sale.meta("epoch") == "2");
  CHECK(sale.redis_text({"ZSCORE", "{e}:line", "u7"}) == "4294967300");
  CHECK(sale.redis_number({"ZCARD", "{e}:holds"}) == 1);
  CHECK(sale.confirm("01H", "u4", "pay-01H") == "ok");
  node.keeper.tick();
  CHECK(node.generation.trusted != trusted);
  CHECK(node.generation.trusted != 0);
}

TEST_CASE("a hold that Redis brought back over somebody's recorded seat is expired, the order stays") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  REQUIRE(sale.hold("01H", "u4", "0,1") == "ok");
  // What a replica that missed the end of the log looks like: PostgreSQL has an order Redis never heard of.
  sale.sql("SELECT onsale_record_orders('e', 1, '{01A}', '{u1}', '{\"A-1-1\"}', '{100}', '{KRW}', '{pay-01A}', '{5}')");
  (void)sale.redis_text({"HSET", "{e}:meta", "replid", "another"});
  REQUIRE(node.reaches("e", EventState::open));
  CHECK(sale.seats() == "x..............");
  CHECK(sale.record("01H").starts_with("E;u4;"));
  CHECK(sale.record("01A").starts_with("R;u1;"));
  CHECK(sale.redis_text({"HGET", "{e}:user", "u4"}) == "-;0;0;");
  CHECK(sale.confirm("01H", "u4", "pay-01H") == "hold_expired");
}

TEST_CASE("time frozen is given back to holds") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  REQUIRE(sale.hold("01H", "u4", "0") == "ok");
  const auto before_ms = sale.redis_number({"ZSCORE", "{e}:holds", "01H"});
  (void)sale.redis_text({"HSET", "{e}:meta", "epoch", "1", "state", "frozen", "return_state", "open", "frozen_at_ms",
                         std::to_string(core::wall_ms() - 60'000)});
  REQUIRE(node.reaches("e", EventState::open));
  CHECK(sale.redis_number({"ZSCORE", "{e}:holds", "01H"}) >= before_ms + 60'000);
}

TEST_CASE("two keepers that race one rebuild do it once, and both trust the result") {
  Sale sale;
  Node one{sale.dsn, sale.redis}, other{sale.dsn, sale.redis};
  sale.open(one);
  REQUIRE(other.reaches("e", EventState::open));
  sale.buy_recorded(one, "01A", "u1", "0,1");
  for (int round = 0; round < 10; ++round) {
    const auto epoch = std::stoll(sale.meta("epoch"));
    (void)sale.redis_text({"FLUSHALL"});
    std::thread racer{[&] { REQUIRE(other.reaches("e", EventState::open)); }};
    REQUIRE(one.reaches("e", EventState::open));
    racer.join();
    CHECK(std::stoll(sale.meta("epoch")) == epoch + 1);
    CHECK(sale.seats() == "xx.............");
  }
  one.keeper.tick();
  other.keeper.tick();
  CHECK(one.generation.trusted == other.generation.trusted);
}

namespace {

int steps_left = 0;

void die_at_step(std::string_view) {
  if (steps_left-- == 0) _exit(7);
}

// A process that rebuilds and dies, like kill -9, after `steps` steps. True when it died there; false when it was
// through before.
bool rebuild_and_die(const Sale& sale, int steps) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    steps_left = steps;
    Node node{sale.dsn, sale.redis, die_at_step};
    node.keeper.tick();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status) == 7;
}

}  // namespace

TEST_CASE("a rebuild that dies between any two steps is completed by the next start, and sells nothing twice") {
  Sale sale;
  {
    Node node{sale.dsn, sale.redis};
    sale.open(node);
    sale.buy_recorded(node, "01A", "u1", "0,1");
    REQUIRE(sale.hold("01H", "u4", "7") == "ok");
    sale.buy("01C", "u5", "3");
  }
  int deaths = 0;
  for (bool dies = true; dies; ++deaths) {
    CAPTURE(deaths);
    (void)sale.redis_text({"HSET", "{e}:meta", "replid", "another"});
    dies = rebuild_and_die(sale, deaths);
    const auto state = sale.meta("state");
    CHECK((state == "open" || state == "frozen"));
    // The dead one's lock is gone when PostgreSQL notices that its connection is.
    Node next{sale.dsn, sale.redis};
    REQUIRE(next.reaches("e", EventState::open));
    CHECK(sale.meta("state") == "open");
    CHECK(sale.seats() == "xx.x...h.......");
    CHECK(sale.record("01H").starts_with("H;u4;"));
    CHECK(sale.redis_text({"HGET", "{e}:user", "u1"}) == "d;2;1;01A");
    CHECK(sale.meta("available") == "11");
    CHECK(sale.meta("epoch") == sale.sql("SELECT epoch FROM events")[0][0]);
  }
  CHECK(deaths > 5);
}

TEST_CASE("a rebuild from nothing that dies between any two steps is completed by the next start") {
  Sale sale;
  {
    Node node{sale.dsn, sale.redis};
    sale.open(node);
    sale.buy_recorded(node, "01A", "u1", "0,1");
  }
  int deaths = 0;
  for (bool dies = true; dies; ++deaths) {
    CAPTURE(deaths);
    (void)sale.redis_text({"FLUSHALL"});
    dies = rebuild_and_die(sale, deaths);
    // The dead one's lock is gone when PostgreSQL notices that its connection is.
    Node next{sale.dsn, sale.redis};
    REQUIRE(next.reaches("e", EventState::open));
    CHECK(sale.meta("state") == "open");
    CHECK(sale.seats() == "xx.............");
    CHECK(sale.redis_text({"HGET", "{e}:user", "u1"}) == "d;2;1;01A");
    CHECK(sale.hold("01X", "u9", "0") == "seat_taken");
  }
  CHECK(deaths > 5);
}

TEST_CASE("a warm-up that dies between any two steps is completed by the next start, and never opens half warmed") {
  for (int deaths = 0;; ++deaths) {
    CAPTURE(deaths);
    Sale sale;
    sale.insert("e", definition(60'000));  // due to be warmed
    const bool dies = rebuild_and_die(sale, deaths);
    // Warmed in PostgreSQL only when all of it is in Redis.
    const bool warmed = sale.sql("SELECT state FROM events")[0][0] == "warmed";
    if (warmed) CHECK(sale.meta("state") == "warmed");
    if (warmed) CHECK(sale.seats() == std::string(15, '.'));
    Node next{sale.dsn, sale.redis};
    REQUIRE(next.reaches("e", EventState::warmed));
    CHECK(sale.seats() == std::string(15, '.'));
    if (!dies) break;
  }
}

namespace {

const Sale* slow_sale = nullptr;
bool slept = true;  // until the test says so

// At the first chunk another node takes over, as if this one had slept and lost its lock.
void overtaken(std::string_view step) {
  if (step != "chunk" || slept) return;
  slept = true;
  slow_sale->sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
      "AND pid <> pg_backend_pid()");
  Node other{slow_sale->dsn, slow_sale->redis};
  CHECK(other.reaches("e", EventState::open));
}

}  // namespace

TEST_CASE("a slow node whose rebuild was taken over writes nothing into the new state") {
  Sale sale;
  Node slow{sale.dsn, sale.redis, overtaken};
  sale.open(slow);
  sale.buy_recorded(slow, "01A", "u1", "0,1");
  slow_sale = &sale;
  slept = false;
  (void)sale.redis_text({"FLUSHALL"});
  slow.keeper.tick();
  REQUIRE(slept);
  CHECK(!slow.keeper.status()->find("e")->healthy);
  CHECK(sale.meta("epoch") == "3");
  CHECK(sale.meta("state") == "open");
  CHECK(sale.seats() == "xx.............");
  REQUIRE(slow.reaches("e", EventState::open));
  CHECK(sale.meta("epoch") == "3");
}

TEST_CASE("Redis ahead of a PostgreSQL that was restored: the epoch is raised above both") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy("01C", "u1", "3");
  (void)sale.redis_text({"HSET", "{e}:meta", "epoch", "5"});
  REQUIRE(node.reaches("e", EventState::open));
  CHECK(sale.meta("epoch") == "6");
  CHECK(sale.sql("SELECT epoch FROM events")[0][0] == "6");
  CHECK(sale.seats()[3] == 'x');
}

TEST_CASE("a draft for which Redis has a sale already is not warmed over it") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy("01C", "u1", "3");
  sale.sql("UPDATE events SET state = 'draft', version = version + 1");
  auto result = node.keeper.move("e", EventMove::warm, std::chrono::milliseconds{200});
  while (result.wait_for(std::chrono::milliseconds{10}) != std::future_status::ready) node.keeper.tick();
  const auto answer = result.get();
  CHECK(answer.code == MoveResult::Code::unavailable);
  CHECK(answer.detail.find("sale of this draft already") != std::string::npos);
  CHECK(sale.seats()[3] == 'x');
}

TEST_CASE("a hall of 50 000 seats with 5 000 orders is rebuilt within a second") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  std::string rows;
  for (int row = 1; row <= 100; ++row)
    rows += (row > 1 ? "," : "") + std::string{R"({"row":")"} + std::to_string(row) + R"(","seats":500})";
  sale.insert("e", R"({"name":"n","currency":"KRW","opens_at":"2036-01-01T00:00:00Z",
    "sections":[{"id":"A","name":"A","amount":1,"rows":[)" +
                       rows + "]}]}");
  REQUIRE(node.move("e", EventMove::open).code == MoveResult::Code::done);
  sale.sql(R"(SELECT onsale_record_orders('e', 1, array_agg('01' || lpad(n::text, 6, '0')), array_agg('u' || n::text),
    array_agg(format('A-%s-%s,A-%s-%s', 1 + n / 250, 1 + 2 * (n % 250), 1 + n / 250, 2 + 2 * (n % 250))),
    array_agg(100::bigint), array_agg('KRW'::text), array_agg('pay' || n::text), array_agg(5::bigint))
    FROM generate_series(0, 4999) AS n)");
  (void)sale.redis_text({"FLUSHALL"});
  const auto before_ms = core::monotonic_ms();
  node.keeper.tick();
  const auto took_ms = core::monotonic_ms() - before_ms;
  MESSAGE("rebuilt in " << took_ms << " ms");
  CHECK(sale.meta("sold") == "10000");
  CHECK(sale.meta("available") == "40000");
  CHECK(took_ms < 3000);  // a second on a quiet machine; this one is shared
}

namespace {

const Sale* edited_sale = nullptr;

void edit_while_it_is_warmed(std::string_view step) {
  if (step != "thawed" || !edited_sale) return;
  edited_sale->sql(
      "UPDATE events SET version = version + 1, definition = jsonb_set(definition, '{sections,1,general}', '7')");
  edited_sale = nullptr;
}

}  // namespace

TEST_CASE("a definition that is changed while it is being warmed is not sold by the old map") {
  Sale sale;
  Node node{sale.dsn, sale.redis, edit_while_it_is_warmed};
  sale.insert("e", definition());
  edited_sale = &sale;
  REQUIRE(node.move("e", EventMove::open).code == MoveResult::Code::done);
  CHECK(sale.seats() == std::string(17, '.'));
  CHECK(sale.meta("available") == "17");
}

TEST_CASE("a Redis that still loads its AOF is not mistaken for one that lost everything") {
  Sale sale{{.append_fsync = "always"}};
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  std::vector<std::string> values(2000, std::string(20'000, 'v'));
  for (std::size_t at = 0; at < values.size(); ++at)
    sale.link.append({"SET", "filler:" + std::to_string(at), values[at]});
  REQUIRE(sale.link.finish());
  sale.redis.kill9();
  REQUIRE(node.keeper.start().problem == "");  // looks all the while
  sale.redis.start();
  sale.reconnect();
  CHECK(fixtures::eventually([&] { return sale.meta("state") == "open" && sale.meta("epoch") == "2"; }));
  CHECK(fixtures::eventually([&] { return node.keeper.status()->find("e")->healthy; }));
  node.keeper.stop();
  CHECK(sale.meta("epoch") == "2");
}

namespace {

Sale* recorded_sale = nullptr;
std::string_view recorded_at, recorded_as;

// A writer of another node gets PostgreSQL's answer in the middle of the rebuild.
void record_in_between(std::string_view step) {
  if (!recorded_sale || step != recorded_at) return;
  auto& sale = *std::exchange(recorded_sale, nullptr);
  (void)sale.script("recorded", {"01C", recorded_as, "", "seat_taken"});
}

}  // namespace

TEST_CASE("an order recorded in the middle of a rebuild is neither lost nor half overwritten") {
  for (const std::string_view at : {"frozen", "read", "chunk", "written"}) {
    for (const std::string_view as : {"confirmed", "rejected"}) {
      CAPTURE(at);
      CAPTURE(as);
      Sale sale;
      Node first{sale.dsn, sale.redis};
      sale.open(first);
      sale.buy("01C", "u1", "3,4");
      // What the writer has done in PostgreSQL before it tells Redis.
      sale.sql("SELECT onsale_record_orders_with_care('e', 1, '" + std::string{as == "rejected" ? "seat_taken" : ""} +
               "', '{01C}', '{u1}', '{\"A-1-4,A-1-5\"}', '{100}', '{KRW}', '{pay-01C}', '{5}')");
      (void)sale.redis_text({"HSET", "{e}:meta", "replid", "another"});
      recorded_sale = &sale, recorded_at = at, recorded_as = as;
      Node node{sale.dsn, sale.redis, record_in_between};
      node.keeper.tick();
      REQUIRE(recorded_sale == nullptr);
      const bool confirmed = as == "confirmed";
      REQUIRE(node.turns_until([&] { return sale.redis_number({"ZCARD", "{e}:unrecorded"}) == 0; }));
      CHECK(sale.meta("state") == "open");
      CHECK(sale.meta("epoch") == "2");
      CHECK(sale.seats() == (confirmed ? "...xx.........." : "..............."));
      CHECK(sale.record("01C").front() == (confirmed ? 'R' : 'J'));
      CHECK(sale.meta("available") == (confirmed ? "13" : "15"));
      CHECK(sale.redis_text({"HGET", "{e}:user", "u1"}).substr(0, 3) == (confirmed ? "d;2" : "d;0"));
    }
  }
}
