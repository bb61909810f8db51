#include "tests/integration/app/keeper_fixture.hpp"

using app::EventMove;
using app::MoveResult;
using core::EventState;
using keeper_tests::definition;
using keeper_tests::Node;
using keeper_tests::Sale;

TEST_CASE("the timeline warms an event, opens its lobby, opens it and closes it") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  const auto at = [](int64_t in_ms) { return core::rfc3339(core::wall_ms() + in_ms); };
  sale.insert("e", definition(1600, R"(,"lobby_at":")" + at(800) + R"(","closes_at":")" + at(2400) + "\""));
  std::vector<std::string> seen;
  REQUIRE(node.turns_until([&] {
    const auto state = sale.meta("state");
    if (!state.empty() && (seen.empty() || seen.back() != state)) seen.push_back(state);
    return state == "closed";
  }));
  CHECK(seen == std::vector<std::string>{"warmed", "lobby", "open", "closed"});
  CHECK(sale.sql("SELECT state FROM events")[0][0] == "closed");
  CHECK(core::wall_ms() >= *node.catalog.get()->find("e")->closes_at_ms);
}

TEST_CASE("an event that should have been open long ago is warmed and opened at once") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.insert("e", definition(-1000));
  node.keeper.tick();
  CHECK(sale.meta("state") == "open");
  CHECK(sale.seats() == std::string(15, '.'));
}

TEST_CASE("a death between PostgreSQL and Redis is repaired: Redis follows") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.sql("SELECT onsale_change_state('e', 'open', 'paused')");
  REQUIRE(node.reaches("e", EventState::paused));
  CHECK(sale.meta("state") == "paused");
  sale.sql("SELECT onsale_change_state('e', 'paused', 'closed')");
  REQUIRE(node.reaches("e", EventState::closed));
}

TEST_CASE("an opening that Redis missed is announced before the pause that followed") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.insert("e", definition());
  REQUIRE(node.move("e", EventMove::warm).code == MoveResult::Code::done);
  sale.sql("SELECT onsale_change_state('e', 'warmed', 'open'), onsale_change_state('e', 'open', 'paused')");
  REQUIRE(node.reaches("e", EventState::paused));
  const auto log = sale.link.command({"XRANGE", "{e}:log", "-", "+"});
  bool opened = false;
  for (std::size_t at = 0; at < log->view().size(); ++at)
    for (std::size_t field = 0; field < log->view()[at][1].size(); ++field)
      opened = opened || log->view()[at][1][field].text() == "line.opened";
  CHECK(opened);
}

TEST_CASE("operators move an event through its life, and nowhere else") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.insert("e", definition());
  const auto move = [&](EventMove one) { return node.move("e", one).code; };
  CHECK(move(EventMove::pause) == MoveResult::Code::bad_transition);
  CHECK(move(EventMove::warm) == MoveResult::Code::done);
  CHECK(move(EventMove::warm) == MoveResult::Code::bad_transition);
  CHECK(move(EventMove::open) == MoveResult::Code::done);
  CHECK(sale.meta("state") == "open");
  CHECK(move(EventMove::pause) == MoveResult::Code::done);
  CHECK(sale.meta("state") == "paused");
  CHECK(move(EventMove::open) == MoveResult::Code::bad_transition);
  CHECK(move(EventMove::resume) == MoveResult::Code::done);
  CHECK(move(EventMove::close) == MoveResult::Code::done);
  CHECK(move(EventMove::close) == MoveResult::Code::bad_transition);
  CHECK(move(EventMove::open) == MoveResult::Code::bad_transition);
  CHECK(node.move("nobody", EventMove::open).code == MoveResult::Code::unknown_event);
}

TEST_CASE("a move while Redis is away is answered unavailable, and is in force once Redis is back") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.redis.kill9();
  auto result = node.keeper.move("e", EventMove::pause, std::chrono::milliseconds{100});
  while (result.wait_for(std::chrono::milliseconds{10}) != std::future_status::ready) node.keeper.tick();
  CHECK(result.get().code == MoveResult::Code::unavailable);
  CHECK(sale.sql("SELECT state FROM events")[0][0] == "open");
  sale.redis.start();
  sale.reconnect();
  CHECK(node.move("e", EventMove::pause).code == MoveResult::Code::done);
  CHECK(sale.meta("state") == "paused");
}

TEST_CASE("without PostgreSQL nothing is built and nothing trusted, and it heals when PostgreSQL comes") {
  Sale sale;
  {
    Node node{sale.dsn, sale.redis};
    sale.open(node);
  }
  keeper_tests::postgres_server().stop();
  Node node{sale.dsn, sale.redis};
  node.keeper.tick();
  CHECK(!node.keeper.status()->postgres);
  CHECK(node.keeper.status()->redis);
  CHECK(node.generation.trusted == 0);
  keeper_tests::postgres_server().start();
  REQUIRE(node.reaches("e", EventState::open));
  CHECK(node.generation.trusted != 0);
}

TEST_CASE("changed terms reach Redis without a rebuild") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.sql(
      "UPDATE events SET definition = jsonb_set(definition, '{admission,rate_per_s}', '7'), version = version + 1");
  REQUIRE(node.turns_until([&] { return sale.meta("rate_per_s") == "7"; }));
  CHECK(sale.meta("epoch") == "1");
}

TEST_CASE("the head of the line is stored, and comes back after Redis lost it") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  (void)sale.redis_text({"HSET", "{e}:meta", "head", "4294967333"});
  REQUIRE(node.turns_until([&] {
    const auto rows = sale.sql("SELECT head FROM event_heads");
    return !rows.empty() && rows[0][0] == "4294967333";
  }));
  (void)sale.redis_text({"FLUSHALL"});
  Node other{sale.dsn, sale.redis};
  REQUIRE(other.reaches("e", EventState::open));
  CHECK(sale.meta("head") == "4294967333");
}

TEST_CASE("an event that closed a day ago leaves Redis, and does not come back with a restart") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  REQUIRE(node.move("e", EventMove::close).code == MoveResult::Code::done);
  sale.sql("UPDATE events SET changed_at = now() - interval '25 hours', version = version + 1");
  REQUIRE(node.turns_until([&] { return sale.redis_number({"EXISTS", "{e}:meta"}) == 0; }));
  node.keeper.tick();
  CHECK(sale.redis_number({"EXISTS", "{e}:meta"}) == 0);
  CHECK(node.keeper.status()->find("e")->healthy);
}

TEST_CASE("a keeper with a thread of its own opens events, and answers what waits when it stops") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.insert("e", definition());
  REQUIRE(node.keeper.start().problem == "");
  CHECK(node.keeper.move("e", EventMove::open, std::chrono::seconds{10}).get().code == MoveResult::Code::done);
  node.keeper.poke();
  CHECK(fixtures::eventually([&] { return node.generation.trusted != 0; }));
  sale.redis.kill9();
  auto waiting = node.keeper.move("e", EventMove::pause, std::chrono::seconds{60});
  node.keeper.stop();
  CHECK(waiting.get().code == MoveResult::Code::unavailable);
}
