// A core's whole set of routes, and its end while work is on its way.
#include <doctest/doctest.h>

#include "tests/integration/net/http_client.hpp"
#include "tests/integration/seat/one_core.hpp"

using seat_tests::OneCore;
using seat_tests::Redis;

namespace {

struct World {
  fixtures::RedisServer server;
  Redis redis{server.port()};
  std::unique_ptr<OneCore> core;
  std::unique_ptr<net_test::Client> client;

  explicit World(int64_t confirm_ms_max) {
    core = std::make_unique<OneCore>(redis, server.port(), confirm_ms_max);
    client = std::make_unique<net_test::Client>(core->port());
  }
  static std::string request(std::string_view start, const std::string& token, std::string_view body) {
    return std::string{start} + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
  }
  std::string ticket(std::string_view user) { return core->token(core::TokenType::ticket, user, 1); }
  std::string admission(const std::string& user) {
    redis.admit(user);
    return core->token(core::TokenType::admission, user);
  }
  net_test::Response ask(std::string_view start, const std::string& token, std::string_view body = {}) {
    return client->ask(request(start, token, body));
  }
  std::string held(const std::string& user, std::string_view seats) {
    const auto reply = ask("POST /v1/events/e/holds", admission(user), seats);
    REQUIRE(reply.status == 201);
    return reply.body.substr(reply.body.find("\"hold\":\"") + 8, 26);
  }
};

constexpr std::string_view payment = R"({"payment":{"reference":"pay","amount":100,"currency":"KRW"}})";

}  // namespace

TEST_CASE("every handler fits its room, and answers once") {
  World world{50};
  const auto hold = world.held("u", R"({"seats":["A-first_balcony-1"]})");
  const auto other = world.held("v", R"({"section":"GA","quantity":2})");
  const auto path = "/v1/events/e/holds/" + hold;
  CHECK(world.ask("GET /v1/events", "").status == 200);
  CHECK(world.ask("GET /v1/events/e", "").status == 200);
  CHECK(world.ask("GET /v1/events/e/seats", world.admission("u")).status == 200);
  CHECK(world.ask("GET /v1/events/e/me", world.ticket("u")).status == 200);
  CHECK(world.ask("GET /v1/events/e/gate", world.admission("u")).status == 204);
  CHECK(world.ask("GET /gate/e?next=/shop", world.admission("u")).status == 302);
  CHECK(world.ask("GET " + path, world.ticket("u")).status == 200);
  CHECK(world.ask("POST " + path + "/extend", world.ticket("u")).status == 200);
  CHECK(world.ask("POST " + path + "/confirm", world.ticket("u"), payment).status == 202);
  CHECK(world.ask("GET /v1/events/e/orders/" + hold, world.ticket("u")).status == 200);
  CHECK(world.ask("DELETE /v1/events/e/holds/" + other, world.ticket("v")).status == 204);
  CHECK(world.ask("DELETE /v1/events/e/queue", world.ticket("v")).status == 204);
  const auto& metrics = world.core->parts().server.metrics();
  CHECK(metrics.frame_refusals.value() == 0);
  CHECK(metrics.unanswered.value() == 0);
}

TEST_CASE("a confirmation that cannot be recorded in time is pending, and is not told again when the writers stop") {
  World world{50};
  const auto hold = world.held("u", R"({"seats":["A-first_balcony-1"]})");
  const auto first = world.ask("POST /v1/events/e/holds/" + hold + "/confirm", world.ticket("u"), payment);
  CHECK(first.status == 202);
  CHECK(first.body.find(R"("durable":"redis")") != std::string::npos);
  world.core->call([&] { CHECK(world.core->parts().recordings.under_way() == 1); });
  world.core.reset();  // asserts that nothing is on its way any more
}

TEST_CASE("a core that stops answers who waits for PostgreSQL, and ends") {
  World world{60'000};
  const auto hold = world.held("u", R"({"seats":["A-first_balcony-1"]})");
  REQUIRE(
      world.client->send(World::request("POST /v1/events/e/holds/" + hold + "/confirm", world.ticket("u"), payment)));
  REQUIRE(net_test::eventually([&] {
    std::size_t under_way = 0;
    world.core->call([&] { under_way = world.core->parts().recordings.under_way(); });
    return under_way == 1;
  }));
  world.core.reset();
  CHECK(world.client->receive().status == 202);
}

TEST_CASE("a core that stops does not wait for what a confirmation hopes for while Redis is away") {
  World world{60'000};
  const auto hold = world.held("u", R"({"seats":["A-first_balcony-1"]})");
  world.server.kill9();
  REQUIRE(
      world.client->send(World::request("POST /v1/events/e/holds/" + hold + "/confirm", world.ticket("u"), payment)));
  REQUIRE(net_test::eventually([&] { return world.core->parts().server.metrics().exchanges.value() == 1; }));
  const auto began_ms = core::monotonic_ms();
  world.core.reset();
  CHECK(core::monotonic_ms() - began_ms < 10'000);
  CHECK(world.client->receive().status == 503);
}

TEST_CASE("the cookie of an admission is no ticket, and not a bad one either") {
  World world{50};
  const auto cookie = "Cookie: onsale_admission_e=" + world.admission("u") + "\r\n";
  const auto with_cookie = [&](std::string_view start, std::string_view more) {
    return world.client->ask(std::string{start} + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + cookie +
                             std::string{more} + "\r\n");
  };
  CHECK(with_cookie("POST /v1/events/e/queue", "Onsale-User: new\r\n").status == 201);
  const auto poll = with_cookie("GET /v1/events/e/queue", "");
  CHECK(poll.status == 401);
  CHECK(poll.body.find("token_missing") != std::string::npos);
  CHECK(with_cookie("GET /v1/events/e/me", "").status == 200);  // who is known may read what is theirs
  const auto bearer = world.ask("GET /v1/events/e/queue", world.admission("u"));
  CHECK(bearer.body.find("token_invalid") != std::string::npos);
}

TEST_CASE("a damaged record of a hold ends its request, not the process") {
  World world{50};
  const auto hold = world.held("u", R"({"seats":["A-first_balcony-1"]})");
  const auto path = "/v1/events/e/holds/" + hold;
  const auto damage = [&](const std::string& record) { world.redis.say({"HSET", "{e}:hold", hold, record}); };
  damage("H;u;99999999999999;1;100;0;0,4000000000;;;");
  CHECK(world.ask("GET " + path, world.ticket("u")).status == 200);
  CHECK(world.ask("GET /v1/events/e/me", world.ticket("u")).status == 200);
  damage("C;u;99999999999999;1;100;0;0,4000000000;1;;pay");
  CHECK(world.ask("POST " + path + "/confirm", world.ticket("u"), payment).status == 503);
  damage("nonsense");
  CHECK(world.ask("GET " + path, world.ticket("u")).status >= 404);
  CHECK(world.ask("GET /v1/events/e/me", world.ticket("u")).status == 503);
  world.redis.say({"DEL", "{e}:seats"});
  CHECK(world.ask("GET /v1/events/e/seats", world.admission("u")).status == 503);
}
