#include "app/log_source.hpp"

#include "tests/integration/app/keeper_fixture.hpp"

using keeper_tests::Node;
using keeper_tests::Sale;

namespace {

app::ColdRedis::Settings redis_of(const Sale& sale) { return {.port = static_cast<uint16_t>(sale.redis.port())}; }

}  // namespace

TEST_CASE("the log is read in order with seats by id, and from where one left off") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy_recorded(node, "01A", "u1", "0,1");
  app::RedisLogSource source{redis_of(sale), keeper_tests::scripts(), node.catalog};
  CHECK(source.events() == std::vector<std::string>{"e"});
  const auto entries = source.read("e", 0, 100);
  REQUIRE(entries);
  std::vector<std::string> types;
  for (const auto& entry : entries.value) types.push_back(entry.type);
  CHECK(types == std::vector<std::string>{"event.reconciled", "event.state_changed", "line.opened", "seats.held",
                                          "seats.confirmed"});
  const auto& held = entries.value[3];
  CHECK(held.hold == "01A");
  CHECK(held.user == "u1");
  CHECK(held.seats == std::vector<std::string>{"A-1-1", "A-1-2"});
  CHECK(held.at_ms > 0);
  CHECK(entries.value[1].detail == "open");
  CHECK(source.read("e", held.seq, 100)->size() == 1);
  CHECK(source.read("e", 0, 2)->size() == 2);
  CHECK(source.newest("e").value == entries->back().seq);
  CHECK(source.newest("nobody").value == 0);
}

TEST_CASE("one node announces; another gets the lease only after it ran out, and the first can then move nothing") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  app::RedisLogSource one{redis_of(sale), keeper_tests::scripts(), node.catalog};
  app::RedisLogSource other{redis_of(sale), keeper_tests::scripts(), node.catalog};
  CHECK(one.lease("e")->granted);
  CHECK(one.lease("e")->granted);
  CHECK(!other.lease("e")->granted);
  const auto newest = one.newest("e").value;
  CHECK(one.advance("e", newest - 1).value);
  CHECK(!other.advance("e", newest).value);
  (void)sale.redis_text({"HSET", "{e}:lease", "deadline_ms", "1"});
  const auto lease = other.lease("e");
  CHECK(lease->granted);
  CHECK(lease->announced == newest - 1);
  CHECK(!one.advance("e", newest).value);
  CHECK(other.advance("e", newest).value);
  CHECK(sale.redis_text({"HGET", "{e}:cursors", "announcer"}) == std::to_string(newest));
}

TEST_CASE("a Redis that is away is an error, and found again when it is back") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  app::RedisLogSource source{redis_of(sale), keeper_tests::scripts(), node.catalog};
  CHECK(source.lease("e")->granted);
  sale.redis.kill9();
  CHECK(!source.read("e", 0, 10));
  CHECK(!source.lease("e"));
  sale.redis.start();
  CHECK(source.lease("e")->granted);
  CHECK(source.read("e", 0, 10));
}
