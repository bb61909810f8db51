// The traps of io_uring that can be set up on the kernel this runs on; tests/simulation has the rest of them. Loop and
// server live on the test's thread, so that nothing is read before the test wants it: clients send into their sockets,
// then the loop turns until all is answered, then the clients look.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "net/server.hpp"
#include "net/sleep.hpp"
#include "tests/integration/net/http_client.hpp"

using net_test::Client;

namespace {

struct Desk {
  net::Loop& loop;
  core::Async hello(net::Exchange& x) {
    x.respond(net::Status::ok, x.param(0), "text/plain");
    return core::Async::finished();
  }
  core::Async echo(net::Exchange& x) {
    x.respond(net::Status::ok, x.body(), "text/plain");
    return core::Async::finished();
  }
  core::Async sleep(net::Exchange& x) {
    const std::string name{x.param(0)};
    co_await net::Sleep{loop, 20};
    x.respond(net::Status::ok, name, "text/plain");
  }
  std::vector<net::Route> routes() {
    return {net::route<&Desk::hello>("GET", "/hello/{name}", *this), net::route<&Desk::echo>("POST", "/echo", *this),
            net::route<&Desk::sleep>("GET", "/sleep/{name}", *this)};
  }
};

net::ServerSettings small_server() {
  net::ServerSettings settings;
  settings.address = "127.0.0.1";
  settings.port = 0;
  settings.connections_max = 64;
  return settings;
}

struct Stand {
  explicit Stand(net::ServerSettings settings = small_server(), net::Loop::Settings ring = {})
      : desk{loop}, router{desk.routes()} {
    REQUIRE(loop.open(ring));
    server = std::make_unique<net::Server>(loop, settings, router);
    REQUIRE(server->listen());
  }
  ~Stand() {
    server->close();
    while (!server->idle()) loop.turn(10);
    CHECK(loop.armed() == 0);
  }
  template <class Until>
  bool turn_until(Until until) {
    for (auto deadline_ms = core::monotonic_ms() + 60'000; !until() && core::monotonic_ms() < deadline_ms;)
      loop.turn(10);
    return until();
  }
  bool turn_until_answered(uint64_t count) {
    return turn_until([&] { return server->metrics().responses[1].value() >= count; });
  }
  void turn_some() {
    for (auto turns = 0; turns < 20; ++turns) loop.turn(1);
  }

  net::Loop loop;
  Desk desk;
  net::Router router;
  std::unique_ptr<net::Server> server;
};

std::string get(std::string_view route, int name) {
  return std::string{"GET /"}.append(route).append("/").append(std::to_string(name)) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

// Whether the peer's end, or anything else, can be read; never waits.
bool sees_something(Client& client) {
  char byte;
  return ::recv(client.fd(), &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

int backlog_of_kernel() {
  std::ifstream file{"/proc/sys/net/core/somaxconn"};
  auto backlog = 0;
  file >> backlog;
  return backlog;
}

// A connection that is being made, while nobody accepts.
int connect_later(uint16_t port) {
  const auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  REQUIRE(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  REQUIRE((connected == 0 || errno == EINPROGRESS));
  return fd;
}

}  // namespace

TEST_CASE("one client that floods takes every receive buffer: the others are answered all the same") {
  auto settings = small_server();
  settings.receive_buffers = 2;
  settings.receive_buffer_bytes = 64;
  Stand stand{settings};
  Client flood{stand.server->port()};
  const std::string body(12'000, 'x');
  for (auto at = 0; at < 3; ++at)
    REQUIRE(flood.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12000\r\n\r\n" + body));
  std::vector<std::unique_ptr<Client>> others;
  for (auto at = 0; at < 20; ++at) {
    others.push_back(std::make_unique<Client>(stand.server->port()));
    REQUIRE(others.back()->send(get("hello", at)));
  }
  CHECK(stand.turn_until_answered(23));
  stand.turn_some();
  for (auto at = 0; at < 20; ++at) CHECK(others[static_cast<std::size_t>(at)]->receive().body == std::to_string(at));
  for (auto at = 0; at < 3; ++at) CHECK((flood.receive().body == body));
  CHECK(stand.server->metrics().starved.value() > 0);
}

TEST_CASE("the completion queue is tiny and overflows: no answer is lost and multishots go on") {
  Stand stand{small_server(), {4, 4}};
  std::vector<std::unique_ptr<Client>> clients;
  for (auto at = 0; at < 40; ++at) clients.push_back(std::make_unique<Client>(stand.server->port()));
  for (auto round = 0; round < 5; ++round) {
    for (auto at = 0; at < 40; ++at)
      REQUIRE(clients[static_cast<std::size_t>(at)]->send(get(at % 2 == 0 ? "hello" : "sleep", 100 * round + at)));
    CHECK(stand.turn_until_answered(40u * (static_cast<unsigned>(round) + 1)));
    stand.turn_some();
    for (auto at = 0; at < 40; ++at)
      CHECK(clients[static_cast<std::size_t>(at)]->receive().body == std::to_string(100 * round + at));
  }
  CHECK(stand.loop.metrics().overflows.value() > 0);
}

TEST_CASE("closing with a receive armed tells the peer nothing: the kernel is told to let go first") {
  auto settings = small_server();
  settings.idle_ms_max = 50;
  Stand stand{settings};
  SUBCASE("the trap is there: the descriptor is closed, and the peer sees no end") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    struct Owner {
      void done(net::Event) noexcept {}
      net::Op<Owner, &Owner::done> op{*this};
    } owner;
    char byte, seen;
    io_uring_prep_recv(&stand.loop.arm(owner.op), ends[0], &byte, 1, 0);
    stand.turn_some();
    ::close(ends[0]);
    stand.turn_some();
    CHECK(::recv(ends[1], &seen, 1, MSG_DONTWAIT) < 0);
    stand.loop.join(owner.op);
    CHECK(stand.turn_until([&] { return ::recv(ends[1], &seen, 1, MSG_DONTWAIT) == 0; }));
    ::close(ends[1]);
  }
  SUBCASE("an idle connection is closed, and its peer sees it") {
    Client idler{stand.server->port()};
    REQUIRE(stand.turn_until([&] { return stand.server->metrics().connections.value() == 1; }));
    CHECK_FALSE(sees_something(idler));
    CHECK(stand.turn_until([&] { return sees_something(idler); }));
    CHECK(stand.turn_until([&] { return stand.server->metrics().connections.value() == 0; }));
  }
}

TEST_CASE("a place is used again at once: nobody gets what was meant for the one before") {
  auto settings = small_server();
  settings.connections_max = 1;
  Stand stand{settings};
  for (auto round = 0; round < 40; ++round) {
    Client first{stand.server->port()};
    REQUIRE(first.send(get("sleep", round) + get("hello", round)));
    stand.loop.turn(round % 3);
    first.reset();
    REQUIRE(stand.turn_until([&] { return stand.server->metrics().connections.value() == 0; }));
    const auto answered = stand.server->metrics().responses[1].value();
    Client second{stand.server->port()};
    REQUIRE(second.send(get("hello", 1000 + round)));
    REQUIRE(stand.turn_until([&] { return stand.server->metrics().responses[1].value() > answered; }));
    stand.loop.turn(0);
    REQUIRE(second.receive().body == std::to_string(1000 + round));
    second.reset();
    REQUIRE(stand.turn_until([&] { return stand.server->metrics().connections.value() == 0; }));
  }
}

// Who did not fit may think to be connected for a minute, until TCP has tried often enough: nothing to wait for here.
TEST_CASE("more connect at once than the backlog takes: all that fit are served, whatever becomes of the rest") {
  const auto backlog = backlog_of_kernel();
  if (backlog > 8000) return;  // more descriptors than a test may open
  auto settings = small_server();
  settings.connections_max = 8192;
  Stand stand{settings};
  std::vector<int> sockets;
  for (auto at = 0; at < backlog + 200; ++at) sockets.push_back(connect_later(stand.server->port()));
  const auto request = get("hello", 7);
  std::vector<int> waiting = sockets;
  const auto all_asked = [&] {
    std::erase_if(waiting, [&](int fd) { return ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0; });
    return waiting.empty();
  };
  CHECK(stand.turn_until(all_asked));
  CHECK(stand.turn_until_answered(static_cast<uint64_t>(backlog)));
  stand.turn_some();
  CHECK(std::count_if(sockets.begin(), sockets.end(), [](int fd) {
          char answer[512];
          return ::recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0;
        }) >= backlog);
  for (const auto fd : sockets) ::close(fd);
}
