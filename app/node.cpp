#include "app/node.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace app {
namespace {

constexpr int64_t drain_ms_max = 10'000;
constexpr int64_t drain_poll_ms = 20;
constexpr int64_t first_look_ms_max = 30'000;
constexpr int port_wait_s = 5;  // a killed node's ring lets go of its listener within a second, even on a busy machine

ColdRedis::Settings cold_redis(const RedisConfig& config) {
  ColdRedis::Settings settings;
  settings.host = config.host;
  settings.port = config.port;
  settings.unix_path = config.unix_path;
  settings.username = config.username;
  settings.password = config.password;
  return settings;
}

KeeperSettings keeper_settings(const Config& config) {
  KeeperSettings settings;
  settings.redis = cold_redis(config.redis);
  settings.postgres.dsn = config.postgres.dsn;
  return settings;
}

queue::IdentitySettings identity(const IdentityConfig& config) {
  queue::IdentitySettings settings;
  settings.mode = config.mode == IdentityMode::header ? queue::IdentitySettings::Mode::header
                                                      : queue::IdentitySettings::Mode::anonymous;
  settings.header = config.header;
  settings.trusted_proxies = config.trusted_proxies;
  return settings;
}

std::vector<net::ScriptSource> sources(const lua::Scripts& scripts) {
  std::vector<net::ScriptSource> found;
  for (const auto& script : scripts.all())
    if (script.width > 0) found.push_back({script.name, script.source, script.sha1});
  return found;
}

void sleep_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds{ms}); }

}  // namespace

Node::Node(Config config, const core::Log& log) : config_{std::move(config)}, log_{log} {}

Node::~Node() {
  stop([] { return true; });
}

core::Status Node::start() {
  fit_connections();
  if (auto status = wait_for_port(); !status) return status;
  keeper_ = std::make_unique<Keeper>(keeper_settings(config_), scripts_, catalog_, generation_, log_);
  if (auto status = keeper_->check(); !status) return status;
  if (auto status = start_writers(); !status) return status;
  if (auto status = keeper_->start(); !status) return status;
  if (auto status = wait_for_events(); !status) return status;
  if (auto status = start_announcer(); !status) return status;
  if (auto status = start_cores(); !status) return status;
  if (auto status = start_operations(); !status) return status;
  log_.info("serving", {{"address", config_.server.address},
                        {"port", config_.server.port},
                        {"operations", config_.operations.address},
                        {"operations_port", config_.operations.port},
                        {"cores", config_.server.workers},
                        {"version", version}});
  return {};
}

core::Status Node::wait_for_port() {
  const auto settings = Core::server_settings(config_.server);
  auto status = net::Server::check_port(settings);
  if (status) return status;
  log_.warning("the port is not free yet, waiting for it", {{"reason", status.problem}, {"wait_s", port_wait_s}});
  return net::Server::check_port(settings, port_wait_s * 1000);
}

void Node::fit_connections() {
  const uint32_t allowed = net::Loop::descriptors_max();
  if (config_.server.connections_max <= allowed) return;
  log_.warning("connections_max lowered to the limit of open files (ulimit -Hn, LimitNOFILE= in the systemd unit)",
               {{"connections_max", config_.server.connections_max}, {"lowered_to", allowed}});
  config_.server.connections_max = allowed;
}

core::Status Node::start_writers() {
  persist::WriterPool::Settings settings;
  settings.dsn = config_.postgres.dsn;
  settings.writers = config_.postgres.writers;
  settings.cores = config_.server.workers;
  settings.stale_order = [this](const persist::Order& order) { keeper_->report_stale(order); };
  settings.stale_refusal = [this](const persist::Refusal& refusal) { keeper_->report_stale(refusal); };
  writers_ = std::make_unique<persist::WriterPool>(std::move(settings), log_);
  return writers_->start();
}

// A node that serves before it knows the events would answer 404 to people with tickets and payments.
core::Status Node::wait_for_events() const {
  for (int64_t waited_ms = 0; waited_ms < first_look_ms_max; waited_ms += drain_poll_ms) {
    if (keeper_->status()->postgres) return {};
    sleep_ms(drain_poll_ms);
  }
  return {"PostgreSQL did not give the events: " + keeper_->status()->postgres_problem};
}

core::Status Node::start_announcer() {
  log_source_ = std::make_unique<RedisLogSource>(cold_redis(config_.redis), scripts_, catalog_);
  persist::Announcer::Settings settings;
  settings.dsn = config_.postgres.dsn;
  settings.kafka.brokers = config_.kafka.brokers;
  settings.kafka.replication = static_cast<int>(config_.kafka.replication);
  announcer_ = std::make_unique<persist::Announcer>(std::move(settings), *log_source_, log_);
  return announcer_->start();
}

core::Status Node::start_cores() {
  const queue::Alarm alarm{[](void* keeper) noexcept { static_cast<Keeper*>(keeper)->poke(); }, keeper_.get()};
  shared_ = std::make_unique<CoreShared>(
      CoreShared{config_, scripts_, catalog_, generation_, alarm, identity(config_.identity), sources(scripts_)});
  for (uint32_t index = 0; index < config_.server.workers; ++index) {
    cores_.push_back(std::make_unique<Core>(*shared_, index, writers_->port(index)));
    if (auto status = cores_.back()->start(); !status) return status;
  }
  turns_seen_.resize(cores_.size());
  return {};
}

core::Status Node::start_operations() {
  administration_ = std::make_unique<KeeperAdministration>(
      KeeperAdministration::Settings{.redis = cold_redis(config_.redis),
                                     .postgres = keeper_settings(config_).postgres,
                                     .more_checks = [this] { return checks(); }},
      *keeper_);
  add_metrics();
  OperationsSettings settings;
  settings.address = config_.operations.address;
  settings.port = config_.operations.port;
  settings.admin_token = config_.operations.admin_token;
  operations_ = std::make_unique<OperationsListener>(std::move(settings), *administration_, metrics_, log_);
  return operations_->start();
}

std::vector<ReadinessCheck> Node::checks() const {
  const bool draining = draining_.load(std::memory_order_acquire);
  std::vector<ReadinessCheck> lines{{"serving", !draining, draining ? "draining" : ""}};
  for (const auto& core : cores_)
    lines.push_back({"core " + std::to_string(core->index()), core->link().metrics().up.value() == 1,
                     std::string{core->link().problem()}});
  // Neither stops a sale: orders wait in Redis for the one, the log for the other.
  lines.push_back({"writers", true, writers_->figures().reachable ? "" : "PostgreSQL is out of reach; orders wait"});
  lines.push_back({"kafka", true, announcer_->reachable() ? "" : "Kafka is out of reach; announcements wait"});
  return lines;
}

bool Node::alive() {
  bool alive = true;
  for (std::size_t at = 0; at < cores_.size(); ++at) {
    const auto turns = cores_[at]->turns();
    alive = alive && turns != turns_seen_[at];
    turns_seen_[at] = turns;
  }
  return alive;
}

bool Node::all_drained() const {
  return std::ranges::all_of(cores_, [](const auto& core) { return core->drained(); });
}

void Node::stop(const std::function<bool()>& hurry) {
  draining_.store(true, std::memory_order_release);
  for (auto& core : cores_) core->drain();
  for (int64_t waited_ms = 0; waited_ms < drain_ms_max && !all_drained() && !hurry(); waited_ms += drain_poll_ms)
    sleep_ms(drain_poll_ms);
  if (writers_) writers_->stop();
  for (auto& core : cores_) core->finish();
  for (auto& core : cores_) core->join();
  if (operations_) operations_->stop();
  if (announcer_) announcer_->stop();
  if (keeper_) keeper_->stop();
}

}  // namespace app
