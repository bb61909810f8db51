// What a poll, a join and a hold cost a warm core: no allocation, and one send to Redis for all that a turn brought.
#include <doctest/doctest.h>

#include <array>

#include "tests/integration/net/allocations.cpp"  // replaces operator new in this program as well
#include "tests/integration/net/http_client.hpp"
#include "tests/integration/seat/one_core.hpp"

using seat_tests::OneCore;
using seat_tests::Redis;

namespace {

constexpr std::size_t connections = 60;

std::string request(std::string_view start, std::string_view headers, std::string_view body = {}) {
  std::string text{start};
  text.append(" HTTP/1.1\r\nHost: a\r\n").append(headers);
  if (!start.starts_with("GET")) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return text.append("\r\n").append(body);
}

std::string bearer(const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; }

struct World {
  fixtures::RedisServer server;
  Redis redis{server.port()};
  OneCore core{redis, server.port()};
  std::vector<std::unique_ptr<net_test::Client>> clients;
  int users = 0;

  World() {
    for (std::size_t at = 0; at < connections; ++at) clients.push_back(std::make_unique<net_test::Client>(core.port()));
  }
  std::string new_user() { return "user-with-a-name-longer-than-a-small-string-" + std::to_string(++users); }
  std::string join() { return request("POST /v1/events/e/queue", "Onsale-User: " + new_user() + "\r\n"); }
  std::string poll() {
    return request("GET /v1/events/e/queue", bearer(core.token(core::TokenType::ticket, new_user(), 1)));
  }
  std::string hold(std::string_view body) {
    const auto user = new_user();
    redis.admit(user);
    return request("POST /v1/events/e/holds", bearer(core.token(core::TokenType::admission, user)), body);
  }

  // Every connection asks once, while the core's thread is kept busy: it finds all requests in one turn.
  void round(const std::vector<std::string>& requests, int status) {
    std::promise<void> is_busy, all_sent;
    auto sent = all_sent.get_future();
    auto busy = core.start([&] {
      is_busy.set_value();
      sent.wait();
    });
    is_busy.get_future().wait();
    for (std::size_t at = 0; at < clients.size(); ++at) REQUIRE(clients[at]->send(requests[at]));
    all_sent.set_value();
    busy.get();
    for (auto& client : clients) REQUIRE(client->receive().status == status);
  }
  template <class Make>
  std::vector<std::string> one_each(Make make) {
    std::vector<std::string> requests;
    for (std::size_t at = 0; at < clients.size(); ++at) requests.push_back(make());
    return requests;
  }
  struct Figures {
    uint64_t allocations = 0, sends = 0, items = 0;
  };
  Figures figures(queue::Decision decision) {
    Figures now;
    core.call([&] {
      now.allocations = allocations::of_this_thread();
      now.sends = core.parts().link.metrics().sends.value();
      now.items = core.parts().events.find("e")->batch(decision).metrics().items.value();
    });
    return now;
  }
  // A turn may find the requests in portions, so that several calls are on their way: as many as there can be, once.
  void warm_calls_up(queue::Decision decision) {
    const std::string long_text(64, 'x');
    const std::vector<std::string_view> item =
        decision == queue::Decision::hold
            ? std::vector<std::string_view>{long_text, long_text, "99999,999999", "100000", long_text, long_text}
            : std::vector<std::string_view>{"poll", long_text, "4294967296", "100"};
    const net::Sink nobody{[](void*, const net::resp::View*, ::core::Error) noexcept {}, nullptr};
    core.call([&] {
      auto& batch = core.parts().events.find("e")->batch(decision);
      for (uint32_t at = 0; at < 6 * ::core::limits::batch_items_max; ++at)
        CHECK(batch.add(item, nobody) == ::core::Error::none);
    });
  }
  // Forty rounds of one request a connection. True when nothing was allocated.
  template <class Make>
  bool pass(queue::Decision decision, int status, Make make) {
    const auto before = figures(decision);
    for (int at = 0; at < 40; ++at) round(one_each(make), status);
    const auto after = figures(decision);
    CHECK(after.items - before.items == 40 * connections);
    CHECK(after.items - before.items >= 8 * (after.sends - before.sends));
    return after.allocations == before.allocations;
  }
  // Warms the path up, then drives it: the requests of a turn went to Redis together, and nothing was allocated.
  // Buffers grow to the largest turn there ever was, and a busy machine may bring a larger one late: so a pass may be
  // repeated. A request that allocates never comes through a whole pass without.
  template <class Make>
  void drive(queue::Decision decision, int status, Make make) {
    warm_calls_up(decision);
    bool quiet = false;
    for (int at = 0; at < 5 && !quiet; ++at) quiet = pass(decision, status, make);
    CHECK(quiet);
    CHECK(core.parts().server.metrics().frame_refusals.value() == 0);
  }
};

}  // namespace

TEST_CASE("thousands of joins allocate nothing and go to Redis by the turn") {
  World world;
  world.drive(queue::Decision::place, 201, [&] { return world.join(); });
}

TEST_CASE("thousands of joins of users who are in line already allocate nothing") {
  World world;
  const auto again = world.one_each([&] { return world.join(); });
  world.round(again, 201);
  std::size_t next = 0;
  world.drive(queue::Decision::place, 200, [&] { return again[next++ % connections]; });
}

TEST_CASE("thousands of polls allocate nothing and go to Redis by the turn") {
  World world;
  world.round(world.one_each([&] { return world.join(); }), 201);
  world.users = 0;  // the same users poll
  const auto polls = world.one_each([&] { return world.poll(); });
  std::size_t next = 0;
  world.drive(queue::Decision::place, 200, [&] { return polls[next++ % connections]; });
}

TEST_CASE("thousands of polls of the admitted, each with a new admission signed, allocate nothing") {
  World world;
  const auto polls = world.one_each([&] {
    const auto user = world.new_user();
    world.redis.admit(user);
    return request("GET /v1/events/e/queue", bearer(world.core.token(core::TokenType::ticket, user, 1)));
  });
  std::size_t next = 0;
  world.drive(queue::Decision::place, 200, [&] { return polls[next++ % connections]; });
}

TEST_CASE("thousands of holds of standing places allocate nothing and go to Redis by the turn") {
  World world;
  world.drive(queue::Decision::hold, 201, [&] { return world.hold(R"({"section":"GA","quantity":2})"); });
}

TEST_CASE("thousands of holds that come too late allocate nothing, though the answer names the seats") {
  World world;
  const auto first = world.hold(R"({"seats":["A-first_balcony-7","A-first_balcony-8"]})");
  REQUIRE(world.clients[0]->ask(first).status == 201);
  const auto taken = world.hold(R"({"seats":["A-first_balcony-8","A-first_balcony-9"]})");
  world.drive(queue::Decision::hold, 409, [&] { return taken; });
}
