#include "perf/bench/load.hpp"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "perf/bench/bare.hpp"
#include "tests/integration/bench/fake_server.hpp"
#include "tests/integration/net/http_client.hpp"

using bench_test::FakeServer;
using bench_test::Peer;

namespace {

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

bench::LoadOptions options_for(uint16_t port, uint32_t connections) {
  bench::LoadOptions options;
  options.address = *net::IpAddress::parse("127.0.0.1");
  options.port = port;
  options.connections = connections;
  options.seconds = 0.3;
  options.warm_up_seconds = 0;
  options.seed = 1;
  for (std::size_t status = 200; status < 300; ++status) options.expect.set(status);
  return options;
}

// A supply of GET /0, GET /1, ...
bench::Supply numbered(uint32_t lines, const bench::LoadOptions& options) {
  std::string text;
  for (uint32_t line = 0; line < lines; ++line) text += "GET\t/" + std::to_string(line) + "\t-\t-\t-\t-\n";
  const auto parsed = bench::parse_requests(text, "requests");
  REQUIRE(parsed);
  return {*parsed.value, "h", options.order, options.connections, options.pipeline};
}

bench::LoadResult run(const bench::LoadOptions& options, uint32_t lines) {
  const auto supply = numbered(lines, options);
  auto result = bench::run_load(options, supply, [](uint64_t) { return true; });
  REQUIRE_MESSAGE(result, result.problem);
  return std::move(*result.value);
}

uint64_t lost_total(const bench::Tally& tally) {
  return tally.lost.connect + tally.lost.reset + tally.lost.protocol + tally.lost.timeout;
}

// Our own server; it remembers what it was asked. Everything happens on the server's thread.
struct Shop {
  core::Async take(net::Exchange& x) {
    asked.emplace_back(x.param(0));
    x.respond(net::Status::ok, "{}");
    return core::Async::finished();
  }
  std::vector<net::Route> routes() { return {net::route<&Shop::take>("GET", "/{number}", *this)}; }
  std::vector<std::string> asked;  // read when the server has stopped, or by Running::call
};

bench::BareOptions with_body(uint32_t bytes) {
  bench::BareOptions options;
  options.body_bytes = bytes;
  return options;
}

struct BareStand {
  explicit BareStand(uint32_t body_bytes = 64) : bare{with_body(body_bytes)} {
    const auto started = bare.start();
    REQUIRE_MESSAGE(started, started.problem);
  }
  bench::Bare bare;
};

}  // namespace

TEST_CASE("each request of a supply that is sent once arrives exactly once") {
  Shop shop;
  net_test::Running server{{}, shop.routes()};
  for (uint32_t pipeline : {1u, 7u}) {
    CAPTURE(pipeline);
    server.call([&shop] { shop.asked.clear(); });
    auto options = options_for(server.port(), 16);
    options.order = bench::Order::once;
    options.pipeline = pipeline;
    options.threads = 2;
    options.seconds = 60;  // it ends when the supply does
    const auto result = run(options, 5000);
    CHECK(result.tally.requests() == 5000);
    CHECK(lost_total(result.tally) == 0);
    CHECK(result.seconds < 60);
    std::map<std::string, int> seen;
    server.call([&] {
      for (const auto& number : shop.asked) ++seen[number];
    });
    CHECK(seen.size() == 5000);
    for (const auto& [number, times] : seen) REQUIRE(times == 1);
  }
}

TEST_CASE("a pipeline asks in the order of the supply, also behind its end") {
  Shop shop;
  net_test::Running server{{}, shop.routes()};
  auto options = options_for(server.port(), 1);
  options.pipeline = 5;
  run(options, 7);
  server.call([&shop] {
    REQUIRE(shop.asked.size() > 20);
    for (std::size_t at = 0; at < shop.asked.size(); ++at) REQUIRE(shop.asked[at] == std::to_string(at % 7));
  });
}

TEST_CASE("what is counted as answered was asked, and what was asked is answered or under way at the end") {
  Shop shop;
  net_test::Running server{{}, shop.routes()};
  auto options = options_for(server.port(), 32);
  options.pipeline = 4;
  const auto result = run(options, 32);
  uint64_t asked = 0;
  server.call([&] { asked = shop.asked.size(); });
  CHECK(result.tally.requests() > 0);
  CHECK(result.tally.requests() == result.tally.statuses()[200]);
  CHECK(result.tally.requests() <= asked);
  CHECK(asked <= result.tally.requests() + result.tally.unanswered + options.connections * options.pipeline);
  CHECK(lost_total(result.tally) == 0);
}

TEST_CASE("churn replaces a connection after so many answers and loses none") {
  BareStand stand;
  auto options = options_for(stand.bare.port(), 8);
  options.order = bench::Order::once;
  options.churn = 10;
  options.pipeline = 3;
  options.seconds = 60;
  const auto result = run(options, 8 * 100);
  CHECK(result.tally.requests() == 800);
  CHECK(lost_total(result.tally) == 0);
  CHECK(result.tally.connections.opened == 80);
  CHECK(result.tally.connects().count() == 80);
  CHECK(result.tally.connections.reset == 0);
}

TEST_CASE("answers larger than all receive buffers together are read to their ends") {
  constexpr uint32_t body_bytes = 512 * 1024;
  BareStand stand{body_bytes};
  auto options = options_for(stand.bare.port(), 64);
  options.order = bench::Order::once;
  options.seconds = 60;
  const auto result = run(options, 200);
  CHECK(result.tally.requests() == 200);
  CHECK(lost_total(result.tally) == 0);
  CHECK(result.tally.bytes_received() > 200ull * body_bytes);
}

TEST_CASE("pipelines longer than all receive buffers of the responder are answered to their ends") {
  BareStand stand;
  auto options = options_for(stand.bare.port(), 64);
  options.order = bench::Order::once;
  options.pipeline = 1024;
  options.seconds = 60;
  const auto result = run(options, 64 * 1500);
  CHECK(result.tally.requests() == 64 * 1500);
  CHECK(lost_total(result.tally) == 0);
}

TEST_CASE("an open loop owes every request that was due, answered or not") {
  BareStand stand;
  auto options = options_for(stand.bare.port(), 8);
  options.rate = 2000;
  const auto result = run(options, 8);
  const auto& tally = result.tally;
  // 0.3 s at 2000/s. An answer that came after the end is in none of the three.
  const auto accounted = tally.requests() + tally.unsent + tally.unanswered;
  CHECK(accounted <= 601);
  CHECK(accounted + options.connections >= 600);
  CHECK(lost_total(tally) == 0);
}

TEST_CASE("a server that stalls is asked no less: what is due waits and is reported") {
  FakeServer server{[](Peer& peer, int) {
    peer.read_head();  // and never answers
    peer.read_head();
  }};
  auto options = options_for(server.port(), 1);
  options.rate = 1000;
  const auto result = run(options, 1);
  CHECK(result.tally.requests() == 0);
  CHECK(result.tally.unanswered == 1);
  CHECK(result.tally.unsent + result.tally.unanswered >= 300);
  CHECK(result.tally.backlog_max == result.tally.unsent);
}

TEST_CASE("what is no answer is a protocol error, and the connection is replaced") {
  FakeServer server{[](Peer& peer, int number) {
    if (number == 0) {
      peer.read_head();
      peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    }
    while (!peer.read_head().empty()) peer.write(ok);
  }};
  const auto result = run(options_for(server.port(), 1), 1);
  CHECK(result.tally.lost.protocol == 1);
  CHECK(lost_total(result.tally) == 1);
  CHECK(result.tally.connections.opened == 2);
  CHECK(result.tally.requests() > 0);
}

TEST_CASE("an answer nobody asked for is a protocol error, not a quick one") {
  FakeServer server{[](Peer& peer, int number) {
    if (number == 0 && !peer.read_head().empty()) peer.write(std::string{ok} + std::string{ok});
    while (!peer.read_head().empty()) peer.write(ok);
  }};
  const auto result = run(options_for(server.port(), 1), 1);
  CHECK(result.tally.lost.protocol == 1);
}

TEST_CASE("requests under a connection that is reset are lost, each counted, and asking goes on") {
  FakeServer server{[](Peer& peer, int number) {
    if (number == 0) {
      for (int request = 0; request < 4; ++request) peer.read_head();
      peer.write(ok);
      return peer.reset();
    }
    while (!peer.read_head().empty()) peer.write(ok);
  }};
  auto options = options_for(server.port(), 1);
  options.pipeline = 4;
  const auto result = run(options, 1);
  CHECK(result.tally.connections.reset == 1);
  CHECK(result.tally.lost.reset >= 3);
  CHECK(result.tally.lost.reset <= 4);  // the answer before the reset may be lost with it, or make room for one more
  CHECK(lost_total(result.tally) == result.tally.lost.reset);
  CHECK(result.tally.requests() > 0);
}

TEST_CASE("a server that says it closes is asked on a new connection, and nothing is lost") {
  FakeServer server{[](Peer& peer, int number) {
    while (!peer.read_head().empty()) {
      if (number >= 3) {
        peer.write(ok);
      } else {
        return peer.write("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      }
    }
  }};
  const auto result = run(options_for(server.port(), 1), 1);
  CHECK(lost_total(result.tally) == 0);
  CHECK(result.tally.connections.closed == 3);
  CHECK(result.tally.statuses()[503] == 3);
  CHECK(result.tally.refusals().count() == 3);
  CHECK(result.tally.statuses()[200] > 0);
}

TEST_CASE("an answer that does not come is given up, and the connection with it") {
  FakeServer server{[](Peer& peer, int number) {
    if (number == 0) {
      peer.read_head();
      peer.read_head();  // returns when the client gives up
      return;
    }
    while (!peer.read_head().empty()) peer.write(ok);
  }};
  auto options = options_for(server.port(), 1);
  options.timeout_seconds = 0.1;
  options.order = bench::Order::once;
  options.seconds = 60;
  const auto result = run(options, 10);
  CHECK(result.tally.lost.timeout == 1);
  CHECK(result.tally.requests() == 9);
}

TEST_CASE("idle connections are opened, kept and asked nothing") {
  Shop shop;
  net_test::Running server{{}, shop.routes()};
  auto options = options_for(server.port(), 2);
  options.idle_connections = 300;
  options.connect_seconds = 0.1;
  options.threads = 2;
  const auto result = run(options, 2);
  CHECK(result.tally.connections.opened == 302);
  CHECK(result.tally.connections.idle_closed == 0);
  CHECK(result.tally.requests() > 0);
  CHECK(lost_total(result.tally) == 0);
}

TEST_CASE("a server that is not there is one sentence") {
  uint16_t port = 0;
  {
    FakeServer gone{[](Peer&, int) {}};
    port = gone.port();
  }
  const auto options = options_for(port, 1);
  const auto supply = numbered(1, options);
  const auto result = bench::run_load(options, supply, [](uint64_t) { return true; });
  REQUIRE_FALSE(result);
  CHECK(result.problem.starts_with("nothing answers at 127.0.0.1:" + std::to_string(port)));
}

TEST_CASE("a run that is told to end ends with what it has") {
  BareStand stand;
  auto options = options_for(stand.bare.port(), 4);
  options.seconds = 60;
  const auto supply = numbered(4, options);
  const auto result = bench::run_load(options, supply, [](uint64_t answered) { return answered == 0; });
  REQUIRE_MESSAGE(result, result.problem);
  CHECK(result.value->tally.requests() > 0);
  CHECK(result.value->seconds > 0);
  CHECK(result.value->seconds < 60);
}
