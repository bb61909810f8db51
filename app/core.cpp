#include "app/core.hpp"

#include <fmt/format.h>
#include <pthread.h>

namespace app {
namespace {

constexpr int64_t turn_ms_max = 200;  // so that the watchdog sees a core that has nothing to do

}  // namespace

core::Async Core::Absent::answer(net::Exchange& x) {
  net::problem(x, net::Code::not_implemented, "This version of onsale does not have this call yet.");
  return core::Async::finished();
}

std::vector<net::Route> Core::routes() {
  using net::route;
  constexpr std::string_view events = "/v1/events", event = "/v1/events/{event}";
  constexpr std::string_view line = "/v1/events/{event}/queue", holds = "/v1/events/{event}/holds";
  constexpr std::string_view hold = "/v1/events/{event}/holds/{hold}", seats = "/v1/events/{event}/seats";
  return {
      route<&queue::Desk::poll>("GET", line, line_),
      route<&queue::Desk::join>("POST", line, line_),
      route<&queue::Desk::leave>("DELETE", line, line_),
      route<&queue::Desk::gate>("GET", "/v1/events/{event}/gate", line_),
      route<&queue::Desk::gate_redirect>("GET", "/gate/{event}", line_),
      route<&seat::Desk::list_events>("GET", events, seats_),
      route<&seat::Desk::show_event>("GET", event, seats_),
      route<&seat::Desk::me>("GET", "/v1/events/{event}/me", seats_),
      route<&seat::Desk::map>("GET", seats, seats_),
      route<&seat::Desk::hold>("POST", holds, seats_),
      route<&seat::Desk::show_hold>("GET", hold, seats_),
      route<&seat::Desk::release>("DELETE", hold, seats_),
      route<&seat::Desk::extend>("POST", "/v1/events/{event}/holds/{hold}/extend", seats_),
      route<&seat::Desk::confirm>("POST", "/v1/events/{event}/holds/{hold}/confirm", seats_),
      route<&seat::Desk::order>("GET", "/v1/events/{event}/orders/{order}", seats_),
      route<&Pages::wait>("GET", "/wait/{event}", pages_),
      route<&Pages::contract>("GET", "/openapi.json", pages_),
      route<&Absent::answer>("GET", "/v1/events/{event}/queue/stream", absent_),
      route<&Absent::answer>("GET", "/v1/events/{event}/queue/ws", absent_),
      route<&Absent::answer>("GET", "/v1/events/{event}/seats/stream", absent_),
      route<&Absent::answer>("POST", "/v1/events/{event}/holds/{hold}/payment", absent_),
      route<&Absent::answer>("POST", "/v1/payments/webhook", absent_),
  };
}

net::RedisSettings Core::redis_settings(const RedisConfig& config) {
  net::RedisSettings settings;
  settings.host = config.host;
  settings.port = config.port;
  settings.unix_path = config.unix_path;
  settings.username = config.username;
  settings.password = config.password;
  return settings;
}

net::ServerSettings Core::server_settings(const ServerConfig& config) {
  net::ServerSettings settings;
  settings.address = config.address;
  settings.port = config.port;
  settings.connections_max = config.connections_max;
  return settings;
}

Core::Core(const CoreShared& shared, uint32_t index, persist::Port& port)
    : shared_{shared},
      index_{index},
      port_{port},
      link_{loop_, redis_settings(shared.config.redis), shared.sources, shared.generation.trusted},
      events_{link_, shared.scripts, shared.config.tokens.keys, shared.catalog},
      line_{events_, link_, shared.identity, shared.alarm, ids_, random_},
      recordings_{loop_, port, shared.alarm},
      seats_{loop_, events_, line_, recordings_, ids_, {shared.config.confirm.deadline_ms}},
      crank_{loop_, events_, shared.alarm},
      router_{routes()},
      server_{loop_, server_settings(shared.config.server), router_},
      wish_wake_{loop_, [](void* self) noexcept { static_cast<Core*>(self)->woken(); }, this},
      outcome_wake_{loop_, [](void* self) noexcept { static_cast<Core*>(self)->outcomes_arrived(); }, this} {}

Core::~Core() { join(); }

core::Status Core::start() {
  std::promise<core::Status> ready;
  auto status = ready.get_future();
  thread_ = std::thread{[this, promise = std::move(ready)]() mutable { run(std::move(promise)); }};
  auto started = status.get();
  if (!started) join();  // nothing of it runs any more
  return started;
}

void Core::drain() {
  auto serving = Wish::serve;
  if (wish_.compare_exchange_strong(serving, Wish::drain)) wish_wake_.notify();
}

// Without waking it: the thread looks at each turn's end, and may have closed what would wake it right after this.
void Core::finish() { wish_.store(Wish::finish, std::memory_order_release); }

void Core::join() {
  if (thread_.joinable()) thread_.join();
}

void Core::run(std::promise<core::Status> ready) {
  pthread_setname_np(pthread_self(), fmt::format("core-{}", index_).c_str());
  auto status = open();
  const bool good{status};
  ready.set_value(std::move(status));
  if (good) serve();
  leave();
}

core::Status Core::open() {
  if (auto status = loop_.open(); !status) return status;
  if (auto status = wish_wake_.open(); !status) return status;
  outcome_wake_.watch(port_.event_fd());
  link_.start();
  if (index_ == 0) crank_.start();
  return server_.listen();
}

void Core::serve() {
  bool draining = false;
  while (wish_.load(std::memory_order_acquire) != Wish::finish) {
    if (!draining && wish_.load(std::memory_order_acquire) == Wish::drain) {
      draining = true;
      server_.drain();
    }
    loop_.turn(draining ? 10 : turn_ms_max);
    if (draining && server_.drained() && recordings_.idle()) drained_.store(true, std::memory_order_release);
  }
}

void Core::leave() {
  if (!loop_.is_open()) return;
  // The last outcomes still go to Redis (recorded.lua); what does not get there is adopted by the next keeper.
  seats_.hurry();
  server_.drain();
  const int64_t deadline_ms = loop_.now_ms() + 500;
  do {
    port_.deliver();
    loop_.turn(10);
  } while (!(server_.drained() && recordings_.idle()) && loop_.now_ms() < deadline_ms);
  crank_.stop();
  link_.stop();
  // At least one turn: what handlers added to batches meanwhile is still refused and told, also when Redis is away.
  // And until no handler sleeps any more: their frames live in the server.
  do {
    loop_.turn(10);
  } while (!link_.stopped() || !server_.idle());
  outcome_wake_.close();
  wish_wake_.close();
  server_.close();
}

}  // namespace app
