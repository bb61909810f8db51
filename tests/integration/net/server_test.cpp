#include "net/server.hpp"

#include <doctest/doctest.h>

#include "http_client.hpp"

using net_test::Client;
using net_test::eventually;
using net_test::Gate;
using net_test::Running;

namespace {

// What the tests ask for: an echo, something large, and a handler that suspends.
struct Desk {
  Gate gate;
  std::atomic<int> finished{0};

  core::Async hello(net::Exchange& x) {
    x.respond(net::Status::ok, "{\"hello\":true}");
    return core::Async::finished();
  }
  core::Async echo(net::Exchange& x) {
    x.respond(net::Status::created, x.body());
    return core::Async::finished();
  }
  core::Async names(net::Exchange& x) {
    auto& out = x.scratch();
    out.append(x.param(0)), out.append("|"), out.append(x.query("q").value_or("-")), out.append("|");
    out.append(x.cookie("c").value_or("-")), out.append("|"), out.append(x.bearer());
    out.append("|"), out.append(x.peer().text());
    x.respond(net::Status::ok, out.view(), "text/plain", "X-More: yes\r\n");
    return core::Async::finished();
  }
  core::Async large(net::Exchange& x) {
    auto& out = x.scratch();
    for (int i = 0; i < 16 * 1024; ++i) out.append("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    x.respond(net::Status::ok, out.view());
    return core::Async::finished();
  }
  core::Async empty(net::Exchange& x) {
    x.respond(net::Status::no_content, "");
    return core::Async::finished();
  }
  core::Async forgets(net::Exchange&) { return core::Async::finished(); }
  core::Async waits(net::Exchange& x) {
    char name[8] = {};
    x.param(0).copy(name, sizeof name - 1);
    core::Await<Gate::Passed, Gate::Passed> await{[&](auto continuation) { return gate.enter(continuation); }};
    auto passed = co_await await;
    finished.fetch_add(1);
    x.respond(net::Status::ok, passed ? name : "?");
  }
  std::vector<net::Route> routes() {
    return {
        net::route<&Desk::hello>("GET", "/hello", *this),          net::route<&Desk::echo>("POST", "/echo", *this),
        net::route<&Desk::names>("GET", "/names/{name}", *this),   net::route<&Desk::large>("GET", "/large", *this),
        net::route<&Desk::empty>("DELETE", "/hello", *this),       net::route<&Desk::forgets>("GET", "/forgets", *this),
        net::route<&Desk::waits>("GET", "/waits/{name}", *this),
    };
  }
};

struct Stand {
  explicit Stand(net::ServerSettings settings = {}) : running{settings, desk.routes()} {
    running.before_stop([this] { desk.gate.open(); });
  }
  Desk desk;
  Running running;
  uint16_t port() const { return running.port(); }
  const net::ServerMetrics& metrics() { return running.server().metrics(); }
};

constexpr std::string_view hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("a request is answered with its body, its date, its length and a request id") {
  Stand stand;
  Client client{stand.port()};
  auto response = client.ask(hello);
  CHECK(response.status == 200);
  CHECK(response.body == "{\"hello\":true}");
  CHECK(response.has("\r\nDate: "));
  CHECK(response.has(" GMT\r\n"));
  CHECK(response.has("Content-Type: application/json\r\n"));
  CHECK(response.has("Content-Length: 14\r\n"));
  CHECK(response.has("X-Request-Id: "));
  CHECK_FALSE(response.has("Connection: close"));
}

TEST_CASE("many requests on one connection are answered one after the other") {
  Stand stand;
  Client client{stand.port()};
  for (int i = 0; i < 1000; ++i) REQUIRE(client.ask(hello).status == 200);
  CHECK(stand.metrics().accepted.value() == 1);
  CHECK(stand.metrics().requests.value() == 1000);
}
