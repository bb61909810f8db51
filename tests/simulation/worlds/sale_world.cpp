// A core of a node without the node: server, desks of the line and the seats, batches and link as in production;
// visitors on one side, a Redis with bad days on the other. What must hold, whatever the weather:
//
// - Each user gets the answer that was meant for this user, or an honest 503 with Retry-After.
// - Nobody waits longer than the deadlines add up to, also while Redis is stopped or cut off.
// - Once Redis is well again, the next visitors are served.
// - In the end nothing is left.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/snapshot.hpp"
#include "core/time.hpp"
#include "lua/scripts.hpp"
#include "net/redis_link.hpp"
#include "net/router.hpp"
#include "net/server.hpp"
#include "persist/writer_pool.hpp"
#include "queue/desk.hpp"
#include "seat/desk.hpp"
#include "tests/simulation/kernel/ring.hpp"
#include "tests/simulation/worlds/redis_model.hpp"
#include "tests/simulation/worlds/sale_model.hpp"
#include "tests/simulation/worlds/visitor.hpp"
#include "tests/simulation/worlds/world.hpp"

namespace simulation {
namespace {

constexpr uint32_t seats = 4096;
constexpr std::string_view holds_path = "/v1/events/e/holds";

const lua::Scripts& scripts() {
  static const lua::Scripts all;
  return all;
}

std::vector<net::ScriptSource> sources() {
  std::vector<net::ScriptSource> found;
  for (const auto& script : scripts().all())
    if (script.width > 0) found.push_back({script.name, script.source, script.sha1});
  return found;
}

const std::shared_ptr<const core::Event>& open_event() {
  static const auto made = [] {
    auto event = core::parse_event("e", R"({"name":"n","currency":"KRW","opens_at":"2026-01-01T00:00:00.000Z",
      "sections":[{"id":"A","name":"A","amount":100,"rows":[{"row":"r","seats":)" +
                                            std::to_string(seats) + "}]}]}");
    if (!event) fail(event.problem);
    event->state = core::EventState::open;
    event->epoch = event->version = 1;
    return std::make_shared<const core::Event>(std::move(*event.value));
  }();
  return made;
}

const core::Keyring& keyring() {
  static const auto keys = std::move(*core::Keyring::parse("1:" + std::string(64, 'a') + "\n").value);
  return keys;
}

queue::IdentitySettings identity() {
  queue::IdentitySettings settings;
  settings.trusted_proxies.push_back(*net::Cidr::parse("127.0.0.0/8"));
  return settings;
}

core::Log quiet_log() {
  static const auto nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  return core::Log{{core::LogFormat::text, core::LogLevel::error, nowhere, false}};
}

// What a core owns, in the order of app::Core.
struct Parts {
  Parts(net::RedisSettings redis, net::ServerSettings served, const std::atomic<uint64_t>& trusted)
      : link{loop, std::move(redis), sources(), trusted},
        events{link, scripts(), keyring(), catalog},
        line{events, link, users, {}, ids, random},
        recordings{loop, pool.port(0), {}},
        sale{loop, events, line, recordings, ids, {}},
        router{std::vector<net::Route>{
            net::route<&queue::Desk::poll>("GET", "/v1/events/{event}/queue", line),
            net::route<&queue::Desk::join>("POST", "/v1/events/{event}/queue", line),
            net::route<&queue::Desk::leave>("DELETE", "/v1/events/{event}/queue", line),
            net::route<&seat::Desk::hold>("POST", "/v1/events/{event}/holds", sale),
        }},
        server{loop, std::move(served), router} {
    auto known = std::make_shared<core::Catalog>();
    known->events.push_back(open_event());
    catalog.publish(std::move(known));
  }
  core::Log log = quiet_log();
  persist::WriterPool pool{{.dsn = "", .writers = 1, .cores = 1, .ring_entries = 8}, log};
  net::Loop loop;
  core::Snapshot<core::Catalog> catalog;
  const queue::IdentitySettings users = identity();
  net::RedisLink link;
  queue::EventTable events;
  core::UlidGenerator ids;
  core::Random random;
  queue::Desk line;
  seat::Recordings recordings;
  seat::Desk sale;
  net::Router router;
  net::Server server;
};

net::RedisSettings draw_redis(Chance& chance) {
  net::RedisSettings settings;
  settings.port = RedisModel::port;
  settings.connect_ms_max = chance.between(100, 1000);
  settings.silence_ms_max = chance.between(1000, 3000);
  settings.pipeline.depth_max = chance.one_of(16, 64, 4096);
  settings.pipeline.timeout_ms = chance.between(300, 1000);
  return settings;
}

net::ServerSettings draw_server(Chance& chance) {
  net::ServerSettings settings;
  settings.address = "127.0.0.1";
  settings.port = 80;
  settings.connections_max = 256;
  settings.exchanges_max = chance.one_of(4, 256);
  settings.receive_buffers = chance.one_of(4, 64);
  settings.receive_buffer_bytes = 2048;
  return settings;
}

class SaleWorld {
 public:
  SaleWorld(uint64_t seed, bool printed);
  void run();
  uint64_t hash() const { return kernel_.trace.hash(); }

 private:
  std::string token(core::TokenType type, uint32_t user) const;
  Request draw_request(uint32_t user);
  void visit();
  void strike();
  void keep() noexcept;
  void turn_until_all_served(std::size_t first, bool without_refusal);
  void check_last_visitors();
  void end();

  Chance draw_;
  Kernel kernel_;
  SaleModel model_;
  RedisModel redis_;
  std::atomic<uint64_t> trusted_{0};
  const core::EventTokens tokens_{keyring(), "e"};
  net::RedisSettings redis_settings_;
  std::unique_ptr<Parts> parts_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  uint32_t users_ = 0;
  uint32_t visits_left_;
  bool storm_ = true;
  net::TimerOf<SaleWorld, &SaleWorld::keep> keeper_timer_{*this};
};

// ---------------------------------------------------------------- the world

SaleWorld::SaleWorld(uint64_t seed, bool printed)
    : draw_{seed},
      kernel_{draw_.next(), draw_weather(draw_)},
      model_{scripts()},
      redis_{kernel_, model_.sources(), [this](const Words& words) { return model_.execute(words); }},
      visits_left_{draw_.between(5, 60)} {
  kernel_.trace.print(printed);
  // How long people wait is measured here, so the network itself may not be what they wait for.
  kernel_.weather.latency_us_max = std::min(kernel_.weather.latency_us_max, 500u);
  kernel_.weather.work_delay_us_max = std::min(kernel_.weather.work_delay_us_max, 1000u);
}

std::string SaleWorld::token(core::TokenType type, uint32_t user) const {
  core::Token token;
  token.type = type;
  token.epoch = 1;
  token.number = user;
  token.issued_s = core::wall_ms() / 1000;
  token.expires_s = token.issued_s + 3600;
  token.set_user(SaleModel::user(user));
  char text[core::limits::token_bytes_max];
  return {text, tokens_.issue(token, text)};
}

Request SaleWorld::draw_request(uint32_t user) {
  constexpr std::string_view line_path = "/v1/events/e/queue";
  const auto place = fmt::format("\"position\":{},", user);
  if (draw_.happens(300))
    return {fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nOnsale-User: {}\r\nContent-Length: 0\r\n\r\n", line_path,
                        SaleModel::user(user)),
            place, false};
  if (draw_.happens(300)) {
    const auto body = fmt::format(R"({{"seats":["A-r-{}"]}})", user);
    return {fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{}",
                        holds_path, token(core::TokenType::admission, user), body.size(), body),
            fmt::format("\"seats\":[\"A-r-{}\"],\"amount\":{},", user, 1000 + user), false};
  }
  return {fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", line_path,
                      token(core::TokenType::ticket, user)),
          place, false};
}

void SaleWorld::visit() {
  if (visits_left_ == 0) return;
  --visits_left_;
  Visitor::Plan plan;
  constexpr std::array kinds{Manners::polite, Manners::polite, Manners::polite, Manners::resets, Manners::leaves};
  plan.manners = kinds[draw_.below(storm_ ? kinds.size() : 3)];
  plan.pause_us_max = draw_.one_of(1, 2000, 300'000);
  const auto user = 1 + users_++;
  for (auto left = draw_.between(1, 8); left > 0; --left) plan.requests.push_back(draw_request(user));
  visitors_.push_back(std::make_unique<Visitor>(kernel_, parts_->server.port(), plan));
  kernel_.agenda.in_us(draw_.one_of(1, 1, 5000, 400'000), [this] { visit(); });
}

void SaleWorld::keep() noexcept {
  trusted_.store(redis_.generation(), std::memory_order_release);
  parts_->loop.start(keeper_timer_, 50);
}

void SaleWorld::strike() {
  if (!storm_) return;
  switch (draw_.below(7)) {
    case 0:
      redis_.stop_for(draw_.one_of(200, 1200, 8000));
      break;
    case 1:
      redis_.cut();
      break;
    case 2:
      redis_.fail_over(draw_.happens(500));
      break;
    case 3:
      redis_.flush_scripts();
      break;
    case 4:
      redis_.set_reception(draw_.happens(500) ? Kernel::Reception::refused : Kernel::Reception::silent);
      break;
    case 5:
      redis_.set_delay_us_max(draw_.one_of(10'000, 700'000));
      break;
    default:
      redis_.recover();
  }
  kernel_.agenda.in_ms(draw_.one_of(10, 300, 3000), [this] { strike(); });
}

// ---------------------------------------------------------------- what must hold

// `first`: of the visitors that are looked at.
void SaleWorld::turn_until_all_served(std::size_t first, bool without_refusal) {
  const auto all_done = [&] {
    return visits_left_ == 0 && std::all_of(visitors_.begin(), visitors_.end(), [](auto& one) { return one->done(); });
  };
  const auto until_ms = kernel_.agenda.now_ms() + 120'000;
  while (!all_done() && kernel_.agenda.now_ms() < until_ms) parts_->loop.turn(50);
  const auto longest_ms = redis_settings_.silence_ms_max + redis_settings_.pipeline.timeout_ms + 1000;
  for (auto at = first; at < visitors_.size(); ++at) {
    const auto& visitor = *visitors_[at];
    if (visitor.manners() != Manners::polite) continue;
    if (!visitor.served()) fail(fmt::format("visitor {} was not served", visitor.number()));
    if (!visitor.refusal().empty() && without_refusal)
      fail(fmt::format("visitor {} was refused: {}", visitor.number(), visitor.refusal()));
    if (visitor.longest_wait_ms() > longest_ms)
      fail(fmt::format("visitor {} waited {} ms for an answer", visitor.number(), visitor.longest_wait_ms()));
  }
}

// Redis is well: the link comes back, and after the first calls have found out what was lost, everybody is served.
void SaleWorld::check_last_visitors() {
  storm_ = false;
  redis_.recover();
  turn_for(kernel_, parts_->loop, 12'000);
  if (!parts_->link.ready()) fail(fmt::format("the link does not recover: {}", parts_->link.problem()));
  visits_left_ = 3;
  visit();
  turn_until_all_served(visitors_.size(), false);
  turn_for(kernel_, parts_->loop, 2000);  // the scripts are loaded again
  const auto first = visitors_.size();
  visits_left_ = parts_->server.settings().exchanges_max >= 256 ? 20 : 3;
  visit();
  turn_until_all_served(first, true);
}

// As app::Core leaves.
void SaleWorld::end() {
  keeper_timer_.stop();
  parts_->sale.hurry();
  parts_->server.drain();
  turn_for(kernel_, parts_->loop, draw_.below(2000));
  parts_->link.stop();
  while (!parts_->link.stopped() || !parts_->server.idle()) parts_->loop.turn(10);
  parts_->server.close();
  check_nothing_left(kernel_, parts_->loop, parts_->server);
  parts_.reset();
  if (kernel_.open_descriptors() != 0) fail("a descriptor is left open");
}

void SaleWorld::run() {
  redis_settings_ = draw_redis(draw_);
  parts_ = std::make_unique<Parts>(redis_settings_, draw_server(draw_), trusted_);
  const auto submissions = draw_.one_of(16, 256);
  if (const auto opened = parts_->loop.open({submissions, submissions * 4}); !opened) fail(opened.problem);
  if (const auto listening = parts_->server.listen(); !listening) fail(listening.problem);
  parts_->link.start();
  keep();
  strike();
  visit();
  if (draw_.happens(800)) {
    turn_until_all_served(0, false);
    check_last_visitors();
  } else {
    turn_for(kernel_, parts_->loop, draw_.below(5000));
  }
  visits_left_ = 0;
  end();
}

}  // namespace

uint64_t run_sale_world(uint64_t seed, bool printed) {
  SaleWorld world{seed, printed};
  world.run();
  return world.hash();
}

}  // namespace simulation
