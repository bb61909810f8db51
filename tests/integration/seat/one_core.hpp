// One core as a node runs it, without the node: loop, Redis link, desks and server on a thread of their own, and an
// open event "e" of epoch 1 in a real Redis. Section A has seats A-first_balcony-1 to -100, GA 100 000 places.
// Nothing is recorded: the writer pool is never started, so a confirmation stays pending.
// Thread: the test's; what runs on the core's thread goes through call().
#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.hpp"
#include "core/time.hpp"
#include "lua/scripts.hpp"
#include "net/router.hpp"
#include "net/server.hpp"
#include "net/wake.hpp"
#include "persist/writer_pool.hpp"
#include "queue/desk.hpp"
#include "seat/desk.hpp"
#include "tests/integration/fixtures/redis_server.hpp"
#include "tests/integration/net/redis_world.hpp"

namespace seat_tests {

constexpr int places = 100'000;

inline const lua::Scripts& scripts() {
  static const lua::Scripts all;
  return all;
}

inline core::Event open_event() {
  auto event = core::parse_event("e", R"({"name":"n","currency":"KRW","opens_at":"2026-01-01T00:00:00.000Z",
    "sections":[{"id":"A","name":"A","amount":100,"rows":[{"row":"first_balcony","seats":100}]},
                {"id":"GA","name":"GA","amount":50,"general":)" +
                                          std::to_string(places) + "}]}");
  REQUIRE_MESSAGE(event, event.problem);
  event->state = core::EventState::open;
  event->epoch = 1;
  event->version = 1;
  return *event.value;
}

// Another client of the same Redis: makes the event there, and lets users in.
class Redis : public redis_world::Operator {
 public:
  explicit Redis(int port) : Operator{port} {
    call("freeze", {"1", "warmed"});
    const auto seats = std::to_string(places + 100);
    say({"HSET", "{e}:meta", "rate_per_s", "0", "active_max", "100000", "active_ttl_ms", "600000",
         "orders_per_admission", "1", "hold_ttl_ms", "600000", "extensions", "1", "seats_per_user", "4"});
    say({"HSET", "{e}:meta", "log_max", "1000000", "lag_max", "1000", "available", seats, "held", "0", "sold", "0"});
    say({"SET", "{e}:seats", std::string(places + 100, '.')});
    call("thaw", {"1", "replid"});
    call("transition", {"1", "warmed", "open"});
  }
  std::string call(std::string_view script, const std::vector<std::string>& arguments) {
    const auto& made = scripts()[script];
    std::vector<std::string> words{"EVAL", made.source, std::to_string(made.keys.size())};
    for (const auto& key : made.keys) words.push_back(lua::key_of("e", key));
    words.insert(words.end(), arguments.begin(), arguments.end());
    return say(words);
  }
  void admit(const std::string& user) { say({"ZADD", "{e}:active", "99999999999999", user}); }
};

// What lives on the core's thread.
struct Parts {
  static std::vector<net::ScriptSource> sources() {
    std::vector<net::ScriptSource> found;
    for (const auto& script : scripts().all())
      if (script.width > 0) found.push_back({script.name, script.source, script.sha1});
    return found;
  }
  Parts(const core::Keyring& keys, const core::Snapshot<core::Catalog>& catalog, net::RedisSettings redis,
        const std::atomic<uint64_t>& trusted, const queue::IdentitySettings& identity, persist::Port& port,
        int64_t confirm_ms_max)
      : link{loop, std::move(redis), sources(), trusted},
        events{link, scripts(), keys, catalog},
        line{events, link, identity, {}, ids, random},
        recordings{loop, port, {}},
        seats{loop, events, line, recordings, ids, {confirm_ms_max}},
        router{routes()},
        server{loop, {.address = "127.0.0.1", .port = 0}, router} {}
  std::vector<net::Route> routes() {
    constexpr std::string_view line_path = "/v1/events/{event}/queue", holds = "/v1/events/{event}/holds";
    constexpr std::string_view hold = "/v1/events/{event}/holds/{hold}";
    return {
        net::route<&queue::Desk::poll>("GET", line_path, line),
        net::route<&queue::Desk::join>("POST", line_path, line),
        net::route<&queue::Desk::leave>("DELETE", line_path, line),
        net::route<&queue::Desk::gate>("GET", "/v1/events/{event}/gate", line),
        net::route<&queue::Desk::gate_redirect>("GET", "/gate/{event}", line),
        net::route<&seat::Desk::list_events>("GET", "/v1/events", seats),
        net::route<&seat::Desk::show_event>("GET", "/v1/events/{event}", seats),
        net::route<&seat::Desk::me>("GET", "/v1/events/{event}/me", seats),
        net::route<&seat::Desk::map>("GET", "/v1/events/{event}/seats", seats),
        net::route<&seat::Desk::hold>("POST", holds, seats),
        net::route<&seat::Desk::show_hold>("GET", hold, seats),
        net::route<&seat::Desk::release>("DELETE", hold, seats),
        net::route<&seat::Desk::extend>("POST", "/v1/events/{event}/holds/{hold}/extend", seats),
        net::route<&seat::Desk::confirm>("POST", "/v1/events/{event}/holds/{hold}/confirm", seats),
        net::route<&seat::Desk::order>("GET", "/v1/events/{event}/orders/{order}", seats),
    };
  }

  net::Loop loop;
  net::RedisLink link;
  queue::EventTable events;
  core::UlidGenerator ids;
  core::Random random;
  queue::Desk line;
  seat::Recordings recordings;
  seat::Desk seats;
  net::Router router;
  net::Server server;
};

class OneCore {
 public:
  explicit OneCore(Redis& redis, int redis_port, int64_t confirm_ms_max = 200) : trusted_{redis.generation()} {
    auto catalog = std::make_shared<core::Catalog>();
    catalog->events.push_back(std::make_shared<core::Event>(open_event()));
    catalog_.publish(std::move(catalog));
    auto redis_settings = redis_world::settings(redis_port);
    std::promise<void> serving;
    thread_ = std::thread{[&, confirm_ms_max] { run(std::move(redis_settings), confirm_ms_max, serving); }};
    serving.get_future().get();
  }
  ~OneCore() {
    call([this] { stopped_ = true; });
    thread_.join();
  }
  uint16_t port() const { return parts_->server.port(); }
  const core::EventTokens& tokens() const { return tokens_; }
  Parts& parts() { return *parts_; }

  // Runs `what` on the core's thread and waits for it.
  void call(std::function<void()> what) { start(std::move(what)).get(); }
  std::future<void> start(std::function<void()> what) {
    std::packaged_task<void()> task{std::move(what)};
    auto done = task.get_future();
    task_ = std::move(task);
    wake_->notify();
    return done;
  }
  std::string token(core::TokenType type, std::string_view user, int64_t number = 0) const {
    core::Token token;
    token.type = type;
    token.epoch = 1;
    token.number = number;
    token.issued_s = core::wall_ms() / 1000;
    token.expires_s = token.issued_s + 3600;
    token.set_user(user);
    char text[core::limits::token_bytes_max];
    return {text, tokens_.issue(token, text)};
  }

 private:
  static core::Keyring keyring() {
    auto keys = core::Keyring::parse("1:" + std::string(64, 'a') + "\n");
    REQUIRE_MESSAGE(keys, keys.problem);
    return std::move(*keys.value);
  }
  static queue::IdentitySettings identity() {
    queue::IdentitySettings settings;
    settings.trusted_proxies.push_back(*net::Cidr::parse("127.0.0.0/8"));
    return settings;
  }
  void run(net::RedisSettings redis, int64_t confirm_ms_max, std::promise<void>& serving) {
    Parts parts{keys_, catalog_, std::move(redis), trusted_, identity_, pool_.port(0), confirm_ms_max};
    CHECK(parts.loop.open());
    net::Wake wake{parts.loop, [](void* self) noexcept { std::exchange(static_cast<OneCore*>(self)->task_, {})(); },
                   this};
    CHECK(wake.open());
    parts.link.start();
    CHECK(parts.server.listen());
    while (!parts.link.ready()) parts.loop.turn(10);
    parts_ = &parts;
    wake_ = &wake;
    serving.set_value();
    while (!stopped_) parts.loop.turn(100);
    end(parts);
  }
  // As app::Core leaves: writers first, so that nothing new is on its way; then answers, then what waits for Redis.
  void end(Parts& parts) {
    pool_.stop();
    parts.seats.hurry();
    parts.server.drain();
    for (int turn = 0; turn < 50 && !(parts.server.drained() && parts.recordings.idle()); ++turn) {
      pool_.port(0).deliver();
      parts.loop.turn(10);
    }
    parts.link.stop();
    do {
      parts.loop.turn(10);
    } while (!parts.link.stopped() || !parts.server.idle());
    parts.server.close();
  }

  const core::Keyring keys_ = keyring();
  const core::EventTokens tokens_{keys_, "e"};
  const queue::IdentitySettings identity_ = identity();
  core::Snapshot<core::Catalog> catalog_;
  std::atomic<uint64_t> trusted_;
  core::Log log_{{core::LogFormat::text, core::LogLevel::error, open("/dev/null", O_WRONLY | O_CLOEXEC), false}};
  persist::WriterPool pool_{{.dsn = "", .writers = 1, .cores = 1}, log_};
  std::packaged_task<void()> task_;
  bool stopped_ = false;
  Parts* parts_ = nullptr;
  net::Wake* wake_ = nullptr;
  std::thread thread_;
};

}  // namespace seat_tests
