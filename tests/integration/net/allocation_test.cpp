// A warm server allocates nothing for a request.
#include <doctest/doctest.h>

#include "tests/integration/net/allocations.hpp"
#include "tests/integration/net/http_client.hpp"

namespace {

// Resumes each handler at the end of the turn it suspended in, as a batch to Redis would in a later one.
struct Desk {
  struct Reply {
    int64_t number = 0;
    static core::Result<Reply> decode(const Reply& reply) noexcept { return {reply, core::Error::none}; }
  };
  std::array<core::Continuation<Reply>, 64> waiting{};
  uint32_t count = 0;

  core::Async empty(net::Exchange& x) {
    x.respond(net::Status::no_content, "");
    return core::Async::finished();
  }
  core::Async waits(net::Exchange& x) {
    auto& body = x.scratch();
    body.append("{\"event\":\""), body.append(x.param(0)), body.append("\"}");
    core::Await<Reply, Reply> await{[&](auto continuation) { return enter(x, continuation); }};
    auto reply = co_await await;
    x.respond(net::Status::ok, reply->number == 7 ? "{\"number\":7}" : "{}");
  }
  core::Async fails(net::Exchange& x) {
    net::problem(x, net::Code::overloaded, "always");
    return core::Async::finished();
  }
  core::Error enter(net::Exchange& x, core::Continuation<Reply> continuation) {
    if (count == waiting.size()) return core::Error::overload;
    waiting[count++] = continuation;
    x.loop().schedule(hook);
    return core::Error::none;
  }
  void deliver() noexcept {
    Reply reply{7};
    for (auto n = std::exchange(count, 0u); n > 0; --n) waiting[n - 1].resume(waiting[n - 1].context, &reply, {});
  }
  std::vector<net::Route> routes() {
    return {net::route<&Desk::empty>("GET", "/empty", *this), net::route<&Desk::waits>("GET", "/waits/{event}", *this),
            net::route<&Desk::fails>("GET", "/fails", *this)};
  }
  net::HookOf<Desk, &Desk::deliver> hook{net::Stage::links, *this};
};

}  // namespace

TEST_CASE("thousands of requests on warm connections allocate nothing in the loop's thread") {
  Desk desk;
  net_test::Running running{{}, desk.routes()};
  std::vector<std::unique_ptr<net_test::Client>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<net_test::Client>(running.port()));
  std::string pipeline;
  for (auto path : {"/empty", "/waits/e-1?a=%20b", "/fails", "/nowhere"}) {
    pipeline += std::string{"GET "} + path + " HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nX-Request-Id: r\r\n\r\n";
  }
  auto cut = pipeline.size() / 2 + 3;
  auto round = [&] {
    for (auto& client : clients) REQUIRE(client->send(std::string_view{pipeline}.substr(0, cut)));
    for (auto& client : clients) REQUIRE(client->send(std::string_view{pipeline}.substr(cut)));
    for (auto& client : clients) {
      for (auto status : {204, 200, 503, 404}) REQUIRE(client->receive().status == status);
    }
  };
  for (int i = 0; i < 50; ++i) round();
  uint64_t before = 0, after = 1;
  running.call([&] { before = allocations::of_this_thread(); });
  for (int i = 0; i < 500; ++i) round();
  running.call([&] { after = allocations::of_this_thread(); });
  CHECK(running.server().metrics().requests.value() == 550 * 8 * 4);
  CHECK(after - before == 0);
}
