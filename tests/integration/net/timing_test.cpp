// Where one client's time must not be charged to another, or to its own next request.
#include <doctest/doctest.h>

#include "tests/integration/net/http_client.hpp"

namespace {

core::Async large(void*, net::Exchange& x) {
  auto& out = x.scratch();
  for (int i = 0; i < 16 * 1024; ++i) out.append("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  x.respond(net::Status::ok, out.view());
  return core::Async::finished();
}

core::Async small(void*, net::Exchange& x) {
  x.respond(net::Status::ok, "{}");
  return core::Async::finished();
}

const std::vector<net::Route> routes{{"GET", "/large", &large, nullptr}, {"GET", "/small", &small, nullptr}};

constexpr std::string_view large_request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view small_request = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";

void sleep_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds{ms}); }

}  // namespace

TEST_CASE("a half request behind large answers has its full time once they are read") {
  net_test::Running running{{.request_ms_max = 1500}, routes};
  net_test::Client client{running.port(), 4096};
  for (int i = 0; i < 8; ++i) REQUIRE(client.send(large_request));
  REQUIRE(client.send(small_request.substr(0, 10)));
  sleep_ms(2000);
  for (int i = 0; i < 8; ++i) REQUIRE(client.receive().body.size() == 1024 * 1024);
  REQUIRE(client.send(small_request.substr(10)));
  CHECK(client.receive().body == "{}");
}

TEST_CASE("clients that do not read and clients that drip hold up nobody else") {
  net_test::Running running{{}, routes};
  std::vector<std::unique_ptr<net_test::Client>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<net_test::Client>(running.port(), 4096));
    REQUIRE(slow.back()->send(i % 2 == 0 ? large_request : small_request.substr(0, 20)));
  }
  net_test::Client client{running.port()};
  for (int i = 0; i < 200; ++i) REQUIRE(client.ask(small_request).status == 200);
  // It did not have to wait until a limit had cut one of them.
  const auto& metrics = running.server().metrics();
  CHECK(metrics.slow_readers_cut.value() + metrics.request_timeouts.value() == 0);
}

TEST_CASE("bytes a second on a used connection do not outlive the request's limit") {
  net_test::Running running{{.request_ms_max = 200}, routes};
  net_test::Client client{running.port()};
  REQUIRE(client.ask(small_request).status == 200);
  sleep_ms(300);  // idle is no request: the limit begins with the first byte
  REQUIRE(client.ask(small_request).status == 200);
  std::size_t at = 0;  // of 33 bytes, which would take a second
  for (; at < small_request.size() && client.send(small_request.substr(at, 1)); ++at) sleep_ms(30);
  CHECK(at < small_request.size());
  CHECK(running.server().metrics().request_timeouts.value() == 1);
}
