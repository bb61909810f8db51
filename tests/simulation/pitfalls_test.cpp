// The traps of io_uring that others fell into, each set up on purpose in the simulated kernel and named after the
// damage it does. Where a trap is the kernel's own nature, the first check shows that the simulated kernel has it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "net/redis_link.hpp"
#include "net/router.hpp"
#include "net/server.hpp"
#include "tests/simulation/kernel/ring.hpp"
#include "tests/simulation/worlds/desk.hpp"
#include "tests/simulation/worlds/redis_model.hpp"
#include "tests/simulation/worlds/visitor.hpp"

using simulation::Desk;
using simulation::Kernel;
using simulation::Manners;
using simulation::Request;
using simulation::Visitor;
using simulation::Weather;

namespace {

constexpr int64_t patience_ms = 20'000;

net::ServerSettings small_server() {
  net::ServerSettings settings;
  settings.address = "127.0.0.1";
  settings.port = 80;
  settings.connections_max = 16;
  settings.exchanges_max = 16;
  settings.receive_buffers = 16;
  return settings;
}

// A server in a simulated kernel that is calm until a test says otherwise.
class Stand {
 public:
  explicit Stand(net::ServerSettings settings = small_server(), net::Loop::Settings ring = {64, 128})
      : kernel{7, Weather{}}, desk{loop, kernel.chance}, routes{desk.routes()}, router{routes} {
    REQUIRE(loop.open(ring));
    server = std::make_unique<net::Server>(loop, settings, router);
    REQUIRE(server->listen());
  }
  ~Stand() {
    kernel.weather = Weather{};
    server->close();
    while (!server->idle() || !desk.idle()) loop.turn(10);
    CHECK(server->memory().bytes_used().value() == 0);
    CHECK(simulated_ring().buffers_are_back());
    CHECK(simulated_ring().files_used() == 0);
    CHECK(kernel.open_descriptors() == 0);
    CHECK(loop.armed() == 0);
  }
  Visitor& visit(std::vector<Request> requests, Manners manners = Manners::polite, uint32_t in_flight_max = 1,
                 uint32_t portion_bytes_max = 4096) {
    Visitor::Plan plan;
    plan.manners = manners;
    plan.requests = {requests.begin(), requests.end()};
    plan.in_flight_max = in_flight_max;
    plan.portion_bytes_max = portion_bytes_max;
    visitors.push_back(std::make_unique<Visitor>(kernel, server->port(), plan));
    return *visitors.back();
  }
  template <class Until>
  bool turn_until(Until until) {
    const auto until_ms = kernel.agenda.now_ms() + patience_ms;
    while (!until() && kernel.agenda.now_ms() < until_ms) loop.turn(50);
    return until();
  }
  bool all_served() {
    return turn_until(
        [&] { return std::all_of(visitors.begin(), visitors.end(), [](auto& visitor) { return visitor->served(); }); });
  }
  simulation::Ring& simulated_ring() { return kernel.ring(loop.ring().ring_fd); }
  const net::ServerMetrics& metrics() const { return server->metrics(); }

  Kernel kernel;
  net::Loop loop;
  Desk desk;
  std::vector<net::Route> routes;
  net::Router router;
  std::unique_ptr<net::Server> server;
  std::vector<std::unique_ptr<Visitor>> visitors;
};

std::vector<Request> many(int count, std::string_view route = "now") {
  std::vector<Request> requests;
  for (auto at = 0; at < count; ++at) requests.push_back(Desk::ask(route, fmt::format("id-{}", at)));
  return requests;
}

}  // namespace

TEST_CASE("one client that floods takes every receive buffer: the others are answered, and the loop does not spin") {
  auto settings = small_server();
  settings.receive_buffers = 4;
  settings.receive_buffer_bytes = 64;
  Stand stand{settings};
  std::string body(15'000, 'x');
  auto& flood =
      stand.visit({Desk::ask_echo(body), Desk::ask_echo(body), Desk::ask_echo(body)}, Manners::polite, 3, 60'000);
  for (auto at = 0; at < 8; ++at) stand.visit(many(5));
  CHECK(stand.all_served());
  CHECK(flood.served());
  CHECK(stand.metrics().starved.value() > 0);
  CHECK(stand.simulated_ring().enters() < 3000);
}

TEST_CASE(
    "one client pipelines without end behind a slow answer: it is not read on, and what waits for it stays small") {
  Stand stand;
  std::vector<Request> requests{Desk::ask("sleep", "first")};
  for (auto at = 0; at < 400; ++at) requests.push_back(Desk::ask_echo(std::string(5000, 'x')));
  stand.visit(requests, Manners::polite, 400, 60'000);
  std::size_t bytes_max = 0;
  const auto served = stand.turn_until([&] {
    bytes_max = std::max<std::size_t>(bytes_max, stand.server->memory().bytes_used().value());
    return stand.visitors.front()->served();
  });
  CHECK(served);
  CHECK(bytes_max <= 1024 * 1024);
  CHECK(stand.metrics().floods_cut.value() == 0);
}

TEST_CASE("no receive buffer is left for anybody: whoever was turned away is received again once there are some") {
  auto settings = small_server();
  settings.receive_buffers = 1;
  Stand stand{settings};
  for (auto at = 0; at < 12; ++at) stand.visit(many(3));
  const auto late = [&] {  // much happens between two turns
    stand.kernel.agenda.pass_us(20'000);
    return stand.metrics().starved.value() > 0;
  };
  CHECK(stand.turn_until(late));
  CHECK(stand.all_served());
  CHECK(stand.metrics().starved.value() > 0);
}

TEST_CASE("the completion queue overflows and submissions are refused with EBUSY: no answer is lost") {
  Stand stand{small_server(), {4, 4}};
  stand.kernel.weather.busy_permille = 1000;
  for (auto at = 0; at < 16; ++at) stand.visit(many(10, at % 2 == 0 ? "now" : "sleep"), Manners::polite, 8);
  CHECK(stand.all_served());
  CHECK(stand.simulated_ring().overflows() > 0);
  CHECK(stand.loop.metrics().overflows.value() > 0);
}

TEST_CASE("closing with a receive armed tells the peer nothing: the kernel is told to let go first") {
  Stand stand;
  auto& idler = stand.visit(many(1), Manners::idles);
  SUBCASE("the trap is there: the descriptor is closed, and the peer sees no end") {
    REQUIRE(stand.turn_until([&] { return idler.served(); }));
    struct Owner {
      void done(net::Event) noexcept {}
      net::Op<Owner, &Owner::done> op{*this};
    } owner;
    auto* outer = stand.kernel.connect_out(1);
    CHECK(outer == nullptr);
    Kernel::Reception reception = Kernel::Reception::accepted;
    simulation::Stream* far = nullptr;
    stand.kernel.listen_outside(1, [&](simulation::Stream& stream) {
      far = &stream;
      return reception;
    });
    auto* near = stand.kernel.connect_out(1);
    REQUIRE(stand.kernel.receive_outside(1, *near) == Kernel::Reception::accepted);
    const auto descriptor = stand.kernel.open(*near);
    char byte;
    io_uring_prep_recv(&stand.loop.arm(owner.op), descriptor, &byte, 1, 0);
    stand.loop.turn(10);
    stand.kernel.close(descriptor);
    for (auto turns = 0; turns < 10; ++turns) stand.loop.turn(10);
    CHECK_FALSE(far->readable());
    stand.loop.join(owner.op);
    for (auto turns = 0; turns < 10; ++turns) stand.loop.turn(10);
    CHECK(far->ended());
  }
  SUBCASE("an idle connection is closed, and its peer sees it") {
    stand.kernel.weather = Weather{};
    const auto end_ms = stand.kernel.agenda.now_ms() + stand.server->settings().idle_ms_max + 1000;
    while (stand.kernel.agenda.now_ms() < end_ms) stand.loop.turn(100);
    CHECK(idler.ended_ms() > 0);
    CHECK(stand.metrics().connections.value() == 0);
  }
}

TEST_CASE("a cancel finds nothing although the receive is armed: the connection is let go all the same") {
  Stand stand;
  auto& idler = stand.visit(many(1), Manners::idles);
  REQUIRE(stand.turn_until([&] { return idler.served(); }));
  stand.kernel.weather.cancel_blind_permille = 1000;
  const auto end_ms = stand.kernel.agenda.now_ms() + stand.server->settings().idle_ms_max + 3000;
  while (stand.kernel.agenda.now_ms() < end_ms) stand.loop.turn(100);
  CHECK(idler.ended_ms() > 0);
  CHECK(stand.metrics().connections.value() == 0);
}

TEST_CASE("a cancel finds nothing although the receive is armed: the link to Redis still stops and starts again") {
  Kernel kernel{7, Weather{}};
  simulation::RedisModel redis{
      kernel, {}, [](const simulation::Words& words) { return simulation::bulk(words.back()); }};
  net::Loop loop;
  REQUIRE(loop.open({16, 64}));
  std::atomic<uint64_t> trusted{redis.generation()};
  net::RedisSettings settings;
  settings.port = simulation::RedisModel::port;
  net::RedisLink link{loop, settings, {}, trusted};
  const auto turn_until = [&](auto until) {
    for (auto turns = 0; turns < 500 && !until(); ++turns) loop.turn(10);
    return until();
  };
  link.start();
  REQUIRE(turn_until([&] { return link.ready(); }));
  kernel.weather.cancel_blind_permille = 1000;
  SUBCASE("receiving") {}
  SUBCASE("connecting") {
    redis.set_reception(Kernel::Reception::silent);
    redis.cut();
    REQUIRE(turn_until([&] { return link.problem() == "Redis cannot be reached in time"; }));
    redis.recover();
    REQUIRE(turn_until([&] { return link.ready(); }));
  }
  link.stop();
  CHECK(turn_until([&] { return link.stopped(); }));
  kernel.weather.cancel_blind_permille = 0;
  CHECK(turn_until([&] { return link.stopped() && loop.armed() == 0; }));
  CHECK(kernel.open_descriptors() == 0);
}

TEST_CASE("a peer says that it sends no more while its answer is awaited: the end is taken once, not again and again") {
  Stand stand;
  auto& visitor = stand.visit({Desk::ask("sleep", "the-only-request")}, Manners::half_closes);
  CHECK(stand.turn_until([&] { return visitor.ended_ms() > 0; }));
  CHECK(visitor.served());
  CHECK(stand.simulated_ring().enters() < 100);
}

TEST_CASE("a place is used again at once: nobody gets what was meant for the one before") {
  auto settings = small_server();
  settings.connections_max = 1;
  Stand stand{settings};
  stand.kernel.weather.work_delay_us_max = 5000;
  for (auto round = 0; round < 50; ++round) {
    stand.visit({Desk::ask("sleep", fmt::format("first-{}", round))}, Manners::resets);
    auto* second = &stand.visit({Desk::ask("sleep", fmt::format("second-{}", round))});
    while (!stand.turn_until([&] { return second->ended_ms() > 0; }) || !second->served())
      second = &stand.visit({Desk::ask("sleep", fmt::format("second-{}", round))});
  }
  CHECK(stand.metrics().accepted.value() >= 50);
}

TEST_CASE("every multishot ends with its first answer: data that came with the end counts, and all goes on") {
  Stand stand;
  stand.kernel.weather.multishot_ends_permille = 1000;
  for (auto at = 0; at < 8; ++at) stand.visit(many(10), Manners::polite, 4, 30);
  CHECK(stand.all_served());
  CHECK(stand.metrics().shed.value() == 0);  // an accept that ended with a connection has not failed
}

TEST_CASE("accepting fails for a while: who waits in the backlog is served later") {
  Stand stand;
  stand.kernel.weather.accept_fails_permille = 1000;
  for (auto at = 0; at < 8; ++at) stand.visit(many(2));
  for (auto turns = 0; turns < 100; ++turns) stand.loop.turn(10);
  CHECK(stand.metrics().accepted.value() == 0);
  CHECK(stand.simulated_ring().enters() < 500);
  stand.kernel.weather.accept_fails_permille = 0;
  CHECK(stand.all_served());
}

TEST_CASE("no descriptor is left: accepting pauses instead of spinning, and goes on when there is one") {
  Stand stand;
  stand.kernel.weather.descriptors_max = 1;  // the listener's
  stand.visit(many(2));
  for (auto turns = 0; turns < 100; ++turns) stand.loop.turn(10);
  CHECK(stand.metrics().shed.value() > 0);
  CHECK(stand.simulated_ring().enters() < 500);
  stand.kernel.weather.descriptors_max = 100;
  CHECK(stand.all_served());
}

TEST_CASE("a send that takes only a part is a success: the rest follows, in order") {
  Stand stand;
  stand.kernel.weather.short_send_permille = 900;
  stand.visit({Desk::ask_large("one"), Desk::ask_large("two"), Desk::ask_large("three")}, Manners::polite, 3);
  CHECK(stand.all_served());
  CHECK(stand.metrics().sends.value() < 10);
}

TEST_CASE("a signal ends every other wait: no time is lost and no answer") {
  Stand stand;
  stand.kernel.weather.interrupted_permille = 500;
  for (auto at = 0; at < 4; ++at) stand.visit(many(10, "sleep"));
  CHECK(stand.all_served());
}

TEST_CASE("the kernel takes some entries, or none: the rest stays in the queue and is not lost") {
  Stand stand{small_server(), {4, 128}};
  stand.kernel.weather.submit_fails_permille = 500;
  stand.kernel.weather.submit_stops_permille = 500;
  for (auto at = 0; at < 16; ++at) stand.visit(many(5), Manners::polite, 2);
  CHECK(stand.all_served());
}

TEST_CASE("a connection gets no slot: it is closed, its descriptor is not lost, and the next one is served") {
  Stand stand;
  stand.kernel.weather.file_update_fails_permille = 1000;
  auto& unlucky = stand.visit(many(1));
  REQUIRE(stand.turn_until([&] { return unlucky.ended_ms() > 0; }));
  CHECK_FALSE(unlucky.served());
  CHECK(stand.kernel.open_descriptors() == 1);
  stand.kernel.weather.file_update_fails_permille = 0;
  auto& lucky = stand.visit(many(1));
  CHECK(stand.turn_until([&] { return lucky.served(); }));
}

TEST_CASE("a peer that is gone without a word costs a place only for as long as the settings say") {
  Stand stand;
  for (auto at = 0; at < 16; ++at) stand.visit({Desk::ask_large("x")}, Manners::vanishes);
  const auto& settings = stand.server->settings();
  const auto end_ms = stand.kernel.agenda.now_ms() + settings.idle_ms_max + settings.send_stall_ms_max + 3000;
  while (stand.kernel.agenda.now_ms() < end_ms) stand.loop.turn(100);
  CHECK(stand.metrics().accepted.value() == 16);
  CHECK(stand.metrics().connections.value() == 0);
}
