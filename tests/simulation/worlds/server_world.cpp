// Server and clients: a net::Server with handlers that answer at once, sleep, or wait for a batch, and visitors with
// all manners. What must hold, whatever the weather:
//
// - Every answer belongs to its request, in order, at most once (Visitor checks).
// - A polite visitor gets all its answers, unless a stated limit was reached or the server was told to end.
// - Whoever keeps a connection open for nothing loses it in the time the settings say, and not earlier.
// - In the end nothing is left: no connection, exchange, buffer, descriptor, slot, armed operation.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "net/router.hpp"
#include "net/server.hpp"
#include "tests/simulation/kernel/ring.hpp"
#include "tests/simulation/worlds/desk.hpp"
#include "tests/simulation/worlds/visitor.hpp"
#include "tests/simulation/worlds/world.hpp"

namespace simulation {
namespace {

Request draw_request(Chance& chance, uint32_t number) {
  const auto id = fmt::format("{}-{}", number, chance.next());
  switch (chance.below(8)) {
    case 0:
      return Desk::ask("sleep", id);
    case 1:
    case 2:
      return Desk::ask("batch", id);
    case 3:
      return Desk::ask_large(id);
    case 4:
      return Desk::ask_echo(id + std::string(chance.below(6000), 'x'), chance.happens(300));
    default:
      return Desk::ask("now", id);
  }
}

Visitor::Plan draw_plan(Chance& chance, uint32_t number) {
  Visitor::Plan plan;
  plan.manners = static_cast<Manners>(chance.happens(400) ? 0 : chance.below(manners));
  plan.in_flight_max = chance.one_of(1, 1, 2, 8);
  plan.pause_us_max = chance.one_of(1, 100, 2000);
  plan.portion_bytes_max = chance.one_of(300, 1000, 8192);
  for (auto left = chance.below(12); left > 0; --left) plan.requests.push_back(draw_request(chance, number));
  return plan;
}

net::ServerSettings draw_settings(Chance& chance) {
  net::ServerSettings settings;
  settings.address = "127.0.0.1";
  settings.port = 80;
  settings.connections_max = chance.one_of(2, 8, 32);
  settings.exchanges_max = chance.one_of(1, 4, 32);
  settings.receive_buffers = chance.one_of(1, 2, 4, 16, 64);
  settings.receive_buffer_bytes = chance.one_of(64, 256, 2048);
  settings.buffer_bytes_max = chance.one_of(256 * 1024, 4 * 1024 * 1024, 64 * 1024 * 1024);
  settings.request_ms_max = 1000 * chance.between(2, 5);
  settings.idle_ms_max = 1000 * chance.between(3, 30);
  settings.send_stall_ms_max = 1000 * chance.between(2, 10);
  settings.linger_ms_max = chance.between(100, 1000);
  return settings;
}

net::Loop::Settings draw_ring(Chance& chance) {
  const auto submissions = chance.one_of(4, 16, 256);
  return {submissions, submissions * chance.one_of(1, 4)};
}

class ServerWorld {
 public:
  ServerWorld(uint64_t seed, bool printed);
  void run();
  uint64_t hash() const { return kernel_.trace.hash(); }

 private:
  void open();
  void visit();
  void turn_until_quiet();
  void turn_until_drained();
  bool quiet() const;
  int64_t patience_ms() const;
  void check_visitors() const;
  void check_patience(const Visitor& visitor) const;
  bool strict() const;
  void end();

  Chance draw_;
  Kernel kernel_;
  net::Loop loop_;
  Desk desk_;
  std::vector<net::Route> routes_;
  net::Router router_;
  std::unique_ptr<net::Server> server_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  uint32_t visits_left_;
};

ServerWorld::ServerWorld(uint64_t seed, bool printed)
    : draw_{seed},
      kernel_{draw_.next(), draw_weather(draw_)},
      desk_{loop_, kernel_.chance},
      routes_{desk_.routes()},
      router_{routes_},
      visits_left_{draw_.between(1, 24)} {
  kernel_.trace.print(printed);
  kernel_.weather.file_update_fails_permille = draw_.one_of(0, 0, 0, 0, 50);
  kernel_.weather.descriptors_max = draw_.one_of(3, 8, 20'000);
}

void ServerWorld::open() {
  if (const auto opened = loop_.open(draw_ring(draw_)); !opened) fail(opened.problem);
  server_ = std::make_unique<net::Server>(loop_, draw_settings(draw_), router_);
  if (const auto listening = server_->listen(); !listening) fail(listening.problem);
}

// Visitors come one after another and in crowds.
void ServerWorld::visit() {
  if (visits_left_ == 0) return;
  --visits_left_;
  visitors_.push_back(std::make_unique<Visitor>(kernel_, server_->port(), draw_plan(draw_, visits_left_)));
  kernel_.agenda.in_us(draw_.one_of(1, 1, 5000, 400'000), [this] { visit(); });
}

bool ServerWorld::quiet() const {
  const auto done =
      std::all_of(visitors_.begin(), visitors_.end(), [](const auto& visitor) { return visitor->done(); });
  return done && visits_left_ == 0 && server_->metrics().connections.value() == 0 && server_->idle() && desk_.idle();
}

// Longer than this nobody can hold a connection who does nothing more.
int64_t ServerWorld::patience_ms() const {
  const auto& settings = server_->settings();
  return settings.idle_ms_max + settings.request_ms_max + 3 * settings.send_stall_ms_max + settings.linger_ms_max;
}

void ServerWorld::turn_until_quiet() {
  const auto busy_ms_max = int64_t{60'000};
  const auto until_ms = kernel_.agenda.now_ms() + busy_ms_max + patience_ms();
  while (!quiet()) {
    loop_.turn(100);
    if (kernel_.agenda.now_ms() < until_ms) continue;
    fail(fmt::format("{} connections and {} exchanges outlive every limit", server_->metrics().connections.value(),
                     server_->metrics().exchanges.value()));
  }
}

void ServerWorld::turn_until_drained() {
  const auto until_ms = kernel_.agenda.now_ms() + patience_ms();
  while (!server_->drained()) {
    loop_.turn(100);
    if (kernel_.agenda.now_ms() > until_ms)
      fail(fmt::format("{} connections keep the server from ending", server_->metrics().connections.value()));
  }
}

// Nothing was arranged that may cost a polite visitor its connection.
bool ServerWorld::strict() const {
  const auto& metrics = server_->metrics();
  return kernel_.weather.file_update_fails_permille == 0 && metrics.shed.value() == 0 &&
         metrics.memory_refusals.value() + metrics.floods_cut.value() == 0;
}

void ServerWorld::check_visitors() const {
  for (const auto& visitor : visitors_) {
    if (!strict() || server_->draining()) continue;
    const auto behaved = visitor->manners() == Manners::polite || visitor->manners() == Manners::idles ||
                         visitor->manners() == Manners::dawdles || visitor->manners() == Manners::babbles ||
                         visitor->manners() == Manners::half_closes;
    if (behaved && !visitor->served())
      fail(fmt::format("visitor {} behaved and got only {} answers", visitor->number(), visitor->answered()));
    check_patience(*visitor);
  }
}

// The server counts from the last byte it got or handed to its kernel: not before the visitor's last portion, and not
// after the visitor has read the last answer.
void ServerWorld::check_patience(const Visitor& visitor) const {
  const auto& settings = server_->settings();
  const auto limit_ms = visitor.manners() == Manners::idles     ? settings.idle_ms_max
                        : visitor.manners() == Manners::dawdles ? settings.request_ms_max
                                                                : 0;
  if (limit_ms == 0) return;
  // Timers are lazy: one that was started for a send in the kernel is not moved when the send has ended.
  const auto lazy_ms = visitor.manners() == Manners::idles ? settings.send_stall_ms_max - limit_ms : 0;
  const auto slack_ms = 300 + std::max<int64_t>(0, lazy_ms);
  const auto shortest_ms = visitor.ended_ms() - visitor.last_act_ms();
  const auto longest_ms = visitor.ended_ms() - visitor.last_sent_ms();
  if (longest_ms < limit_ms || shortest_ms > limit_ms + slack_ms)
    fail(fmt::format("visitor {} was cut after {} to {} ms instead of {} ms", visitor.number(), shortest_ms, longest_ms,
                     limit_ms));
}

void ServerWorld::end() {
  if (draw_.happens(300)) {
    server_->drain();
    for (auto turns = draw_.below(50); turns > 0; --turns) loop_.turn(10);
  } else if (draw_.happens(500)) {
    server_->drain();
    turn_until_drained();
  }
  server_->close();
  while (!server_->idle() || !desk_.idle()) loop_.turn(10);
  check_nothing_left(kernel_, loop_, *server_);
  if (kernel_.open_descriptors() != 0) fail("a descriptor is left open");
  if (loop_.armed() != 0) fail("something is still armed");
  server_.reset();
}

void ServerWorld::run() {
  open();
  visit();
  if (draw_.happens(700)) {
    turn_until_quiet();
    check_visitors();
  } else {
    for (auto turns = draw_.below(400); turns > 0; --turns) loop_.turn(10);
  }
  visits_left_ = 0;
  end();
}

}  // namespace

uint64_t run_server_world(uint64_t seed, bool printed) {
  ServerWorld world{seed, printed};
  world.run();
  return world.hash();
}

}  // namespace simulation
