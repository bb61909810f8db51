#include "app/administration_impl.hpp"
#include "tests/integration/app/keeper_fixture.hpp"

using app::EventMove;
using keeper_tests::definition;
using keeper_tests::Node;
using keeper_tests::Sale;

namespace {

// A node as operators see it, its keeper on a thread of its own.
struct Operated {
  explicit Operated(Sale& sale)
      : node{sale.dsn, sale.redis},
        administration{{.redis = {.port = static_cast<uint16_t>(sale.redis.port())},
                        .postgres = {.dsn = sale.dsn},
                        .move_within = std::chrono::milliseconds{5000}},
                       node.keeper} {
    REQUIRE(node.keeper.start().problem == "");
  }
  bool shows(const std::string& part) {
    return fixtures::eventually([&] { return administration.show_event("e").body.find(part) != std::string::npos; });
  }
  Node node;
  app::KeeperAdministration administration;
};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  text.replace(text.find(what), what.size(), by);
  return text;
}

}  // namespace

TEST_CASE("an event is created, changed, moved and shown with its numbers") {
  Sale sale;
  Operated operated{sale};
  auto& administration = operated.administration;
  CHECK(administration.put_event("e", definition()).status == 201);
  CHECK(operated.node.catalog.get()->find("e") != nullptr);  // already, not a tick later
  CHECK(administration.put_event("e", definition()).status == 200);
  CHECK(administration.list_events().body.find(R"({"id":"e","state":"draft")") != std::string::npos);
  const auto opened = administration.move_event("e", EventMove::open);
  CHECK(opened.status == 200);
  CHECK(opened.body.find(R"("state":"open")") != std::string::npos);
  CHECK(opened.body.find(R"("seats":{"available":15,"held":0,"sold":0})") != std::string::npos);
  CHECK(opened.body.find(R"("checks":[])") != std::string::npos);
  REQUIRE(sale.hold("01H", "u1", "0,1") == "ok");
  CHECK(operated.shows(R"("line":0,"active":1,"seats":{"available":13,"held":2,"sold":0})"));
}

TEST_CASE("what numbers or prices seats cannot change once warmed, the rest can") {
  Sale sale;
  Operated operated{sale};
  auto& administration = operated.administration;
  REQUIRE(administration.put_event("e", definition()).status == 201);
  const auto fewer = replaced(definition(), R"("seats":10)", R"("seats":9)");
  CHECK(administration.put_event("e", fewer).status == 200);
  REQUIRE(administration.put_event("e", definition()).status == 200);
  REQUIRE(administration.move_event("e", EventMove::warm).status == 200);
  const auto before = sale.sql("SELECT definition, version FROM events");
  for (const auto& wrong :
       {fewer, replaced(definition(), R"("amount":100)", R"("amount":1)"),
        replaced(definition(), R"("general":5)", R"("general":6)"), replaced(definition(), "KRW", "EUR"),
        replaced(definition(), R"("id":"GA")", R"("id":"GB")")})
    CHECK(administration.put_event("e", wrong).code == net::Code::event_on_sale);
  CHECK(sale.sql("SELECT definition, version FROM events") == before);
  CHECK(administration.put_event("e", replaced(definition(), R"("rate_per_s":100)", R"("rate_per_s":7)")).status ==
        200);
  CHECK(fixtures::eventually([&] { return sale.meta("rate_per_s") == "7"; }));
  REQUIRE(administration.move_event("e", EventMove::close).status == 200);
  CHECK(administration.put_event("e", definition()).code == net::Code::event_on_sale);
}

TEST_CASE("what operators get wrong is refused by its code and changes nothing") {
  Sale sale;
  Operated operated{sale};
  auto& administration = operated.administration;
  const auto refused = administration.put_event("e", R"({"name":"n"})");
  CHECK(refused.code == net::Code::bad_request);
  CHECK(refused.detail.find("opens_at") != std::string::npos);
  CHECK(administration.show_event("e").code == net::Code::event_not_found);
  CHECK(administration.move_event("e", EventMove::open).code == net::Code::event_not_found);
  REQUIRE(administration.put_event("e", definition()).status == 201);
  CHECK(administration.move_event("e", EventMove::pause).code == net::Code::bad_transition);
}

TEST_CASE("what is wrong with an event is said in words") {
  Sale sale;
  Operated operated{sale};
  REQUIRE(operated.administration.put_event("e", definition()).status == 201);
  REQUIRE(operated.administration.move_event("e", EventMove::open).status == 200);
  (void)sale.redis_text({"HSET", "{e}:meta", "available", "14"});
  CHECK(operated.shows("Redis counts 14 seats of 15"));
  sale.redis.kill9();
  CHECK(operated.shows("Redis cannot be reached"));
}

TEST_CASE("a node is ready once its Redis is trusted, and stays ready while PostgreSQL is away") {
  Sale sale;
  Operated operated{sale};
  const auto ready = [&] {
    const auto checks = operated.administration.checks();
    return std::all_of(checks.begin(), checks.end(), [](const auto& check) { return check.ready; });
  };
  CHECK(fixtures::eventually(ready));
  keeper_tests::postgres_server().stop();
  CHECK(fixtures::eventually([&] { return !operated.node.keeper.status()->postgres; }));
  CHECK(ready());
  CHECK(operated.administration.list_events().code == net::Code::backend_unavailable);
  keeper_tests::postgres_server().start();
  CHECK(fixtures::eventually([&] { return operated.administration.list_events().status == 200; }));
  sale.redis.kill9();
  CHECK(fixtures::eventually([&] { return !ready(); }));
}

TEST_CASE("two operators who create one event at once: one creates, the other changes") {
  Sale sale;
  Operated one{sale}, other{sale};
  for (int round = 0; round < 5; ++round) {
    const auto id = "e" + std::to_string(round);
    int first = 0, second = 0;
    std::thread racer{[&] { second = other.administration.put_event(id, definition()).status; }};
    first = one.administration.put_event(id, definition()).status;
    racer.join();
    CHECK(std::min(first, second) == 200);
    CHECK(std::max(first, second) == 201);
  }
}
