#include "app/keeper.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "core/assert.hpp"
#include "core/hash.hpp"
#include "core/time.hpp"
#include "persist/schema.hpp"

namespace app {
namespace {

constexpr int64_t chores_every_ms = 1000;
constexpr int64_t reconnect_after_ms = 500;
constexpr int64_t rebuild_again_ms = 100, rebuild_again_ms_max = 10'000;
constexpr int64_t tick_ms_min = 20;  // however often it is poked

}  // namespace

const EventStatus* KeeperStatus::find(std::string_view id) const {
  const auto found =
      std::ranges::lower_bound(events, id, {}, [](const EventStatus& one) { return std::string_view{one.id}; });
  return found != events.end() && found->id == id ? &*found : nullptr;
}

Keeper::Keeper(KeeperSettings settings, const lua::Scripts& scripts, core::Snapshot<core::Catalog>& catalog,
               Generation& generation, const core::Log& log)
    : settings_{std::move(settings)},
      scripts_{scripts},
      catalog_{catalog},
      generation_{generation},
      log_{log},
      redis_{settings_.redis},
      postgres_{settings_.postgres},
      recorder_{settings_.postgres, log},
      wake_fd_{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
  ONSALE_ASSERT(wake_fd_ >= 0);
}

Keeper::~Keeper() {
  stop();
  close(wake_fd_);
}

core::Status Keeper::check() {
  if (auto reached = redis_.connect(); !reached) return reached;
  const auto policy = redis_.command({"CONFIG", "GET", "maxmemory-policy"});
  if (!policy) return {redis_.problem()};
  if (policy->view().error()) return {fmt::format("Redis refuses CONFIG GET: {}", policy->view().text())};
  if (const auto value = policy->view()[1].text(); value != "noeviction")
    return {
        fmt::format("Redis has maxmemory-policy {}: it would forget sold seats when memory runs out; set "
                    "maxmemory-policy noeviction",
                    value)};
  const auto info = redis_.command({"INFO", "replication"});
  if (!info) return {redis_.problem()};
  if (info_field(info->view().text(), "role") != "master")
    return {"Redis is a replica; give the address of the master"};
  return persist::check_schema(settings_.postgres.dsn);
}

core::Status Keeper::start() {
  ONSALE_ASSERT(!thread_.joinable());
  thread_ = std::thread{[this] { run(); }};
  return {};
}

void Keeper::stop() {
  stopping_ = true;
  poke();
  if (thread_.joinable()) thread_.join();
  take_mail();
  // The writers have stopped by now: what they reported last must not wait for a process that is gone.
  if (!stale_orders_.empty() || !stale_refusals_.empty()) tick();
  for (auto& waiting : moves_) waiting.promise.set_value({MoveResult::Code::unavailable, "the server is stopping"});
  moves_.clear();
}

void Keeper::run() {
  while (!stopping_) {
    const auto started_ms = core::monotonic_ms();
    tick();
    wait();
    const auto early_ms = started_ms + tick_ms_min - core::monotonic_ms();
    if (early_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds{early_ms});
  }
}

void Keeper::wait() {
  pollfd wake{wake_fd_, POLLIN, 0};
  poll(&wake, 1, static_cast<int>(settings_.tick_ms));
  uint64_t pokes = 0;
  [[maybe_unused]] auto read_bytes = read(wake_fd_, &pokes, sizeof pokes);
  poked_ = false;
}

void Keeper::poke() noexcept {
  if (poked_.exchange(true)) return;  // one system call a tick, however many cores call
  const uint64_t one = 1;
  [[maybe_unused]] auto written = write(wake_fd_, &one, sizeof one);
}

void Keeper::report_stale(const persist::Order& order) {
  {
    std::lock_guard lock{mutex_};
    mailbox_.orders.push_back(order);
  }
  poke();
}

void Keeper::report_stale(const persist::Refusal& refusal) {
  {
    std::lock_guard lock{mutex_};
    mailbox_.refusals.push_back(refusal);
  }
  poke();
}

std::future<MoveResult> Keeper::move(std::string_view event, EventMove move, std::chrono::milliseconds within) {
  WaitingMove waiting{std::string{event}, move, std::chrono::steady_clock::now() + within, {}, std::nullopt};
  auto result = waiting.promise.get_future();
  {
    std::lock_guard lock{mutex_};
    mailbox_.moves.push_back(std::move(waiting));
  }
  poke();
  return result;
}

void Keeper::take_mail() {
  std::lock_guard lock{mutex_};
  const auto take = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  };
  take(mailbox_.orders, stale_orders_);
  take(mailbox_.refusals, stale_refusals_);
  take(mailbox_.moves, moves_);
}

void Keeper::tick() {
  const auto now_ms = core::monotonic_ms();
  chores_ = now_ms >= chores_at_ms_;
  if (chores_) chores_at_ms_ = now_ms + chores_every_ms;
  take_mail();
  const bool record = connect_postgres() && load_events();
  const bool sale = connect_redis() && look();
  if (record && sale && look_at_all()) {
    bless();
    settle_stale();
    if (chores_) store_heads();
  }
  serve_moves();
  publish_status();
}

bool Keeper::connect_postgres() {
  if (postgres_.connected()) return true;
  const auto now_ms = core::monotonic_ms();
  if (now_ms < connect_after_ms_) return false;
  const auto reached = postgres_.connect();
  connect_after_ms_ = core::monotonic_ms() + reconnect_after_ms;
  if (reached) return true;
  if (postgres_problem_.empty()) log_.warning("PostgreSQL cannot be reached", {{"problem", reached.problem}});
  postgres_problem_ = reached.problem;
  return false;
}

bool Keeper::connect_redis() {
  if (redis_.connect()) return true;
  return redis_failed("connect");
}

bool Keeper::postgres_failed(core::Error error, std::string_view what) {
  const auto problem = fmt::format("PostgreSQL: {}: {}", what, core::name(error));
  if (problem != postgres_problem_) log_.warning("PostgreSQL failed", {{"doing", what}, {"error", core::name(error)}});
  postgres_problem_ = problem;
  return false;
}

bool Keeper::redis_failed(std::string_view what) {
  if (redis_problem_.empty()) log_.warning("Redis failed", {{"doing", what}, {"problem", redis_.problem()}});
  redis_problem_ = redis_.problem();
  return false;
}

bool Keeper::redis_unusable(std::string_view why) {
  if (why != redis_problem_) log_.warning("Redis cannot be used", {{"problem", why}});
  redis_problem_ = why;
  return false;
}

void Keeper::trouble(Kept& kept, std::string problem) {
  kept.healthy = false;
  if (problem != kept.problem) log_.warning("event is not well", {{"event", kept.event->id}, {"problem", problem}});
  kept.problem = std::move(problem);
}

// True when it is done; else the event's trouble, and the connection's if that was it.
bool Keeper::settle(Kept& kept, RedisSale::Outcome outcome, const RedisSale& sale) {
  if (outcome == RedisSale::Outcome::done) return true;
  if (outcome == RedisSale::Outcome::unavailable) redis_failed(kept.event->id);
  trouble(kept, sale.problem());
  return false;
}

bool Keeper::load_events() {
  std::vector<persist::KnownEvent> known;
  for (const auto& [id, kept] : events_) known.push_back({id, kept.event->version});
  for (const auto& [id, version] : unreadable_) known.push_back({id, version});
  auto rows = rows_.load(known);
  if (!rows) return postgres_failed(rows.error, "loading events");
  if (!postgres_problem_.empty()) log_.info("PostgreSQL is back");
  postgres_problem_.clear();
  for (const auto& row : rows.value) keep(row);
  publish_catalog();
  return load_closing_times();
}

void Keeper::keep(const persist::EventRow& row) {
  auto parsed = core::parse_event(row.id, row.definition);
  if (!parsed) {
    unreadable_[row.id] = row.version;
    log_.error("definition cannot be read", {{"event", row.id}, {"problem", parsed.problem}});
    return;
  }
  unreadable_.erase(row.id);
  parsed->state = row.state, parsed->epoch = row.epoch, parsed->version = row.version;
  auto& kept = events_[row.id];
  kept.event = std::make_shared<const core::Event>(std::move(*parsed));
  kept.stored_head = std::max(kept.stored_head, row.head);
  kept.closed_at_ms = 0;
  events_changed_ = true;
}

// The row as it is now, published when it has changed.
bool Keeper::reload(Kept& kept) {
  auto row = rows_.find(kept.event->id);
  if (!row) return postgres_failed(row.error, "loading an event");
  if (!row.value) return false;
  if (row.value->version != kept.event->version) keep(*row.value);
  publish_catalog();
  return true;
}

void Keeper::publish_catalog() {
  if (!events_changed_) return;
  events_changed_ = false;
  auto catalog = std::make_shared<core::Catalog>();
  catalog->version = ++catalog_version_;
  for (const auto& [id, kept] : events_) catalog->events.push_back(kept.event);
  catalog_.publish(std::move(catalog));
}

// A closed event leaves Redis some time after; its row last changed when it closed.
bool Keeper::load_closing_times() {
  for (auto& [id, kept] : events_) {
    if (kept.event->state != core::EventState::closed || kept.closed_at_ms != 0) continue;
    auto answer = postgres_.query("SELECT (extract(epoch FROM changed_at) * 1000)::bigint FROM events WHERE id = $1",
                                  persist::Parameters{}.text(id));
    if (!answer) return postgres_failed(persist::error_of(answer.outcome), "loading an event");
    if (answer.rows.count() == 1) kept.closed_at_ms = answer.rows.integer(0, 0);
  }
  return true;
}

// One round trip: which Redis this is, what time it has, and every event's meta (and sizes when chores are due).
bool Keeper::look() {
  redis_.append({"INFO", "replication"});
  redis_.append({"TIME"});
  for (const auto& [id, kept] : events_) {
    RedisSale::append_meta(redis_, id);
    if (chores_) RedisSale::append_sizes(redis_, id);
  }
  auto replies = redis_.finish();
  if (!replies) return redis_failed("looking");
  // Any refusal counts: while Redis loads its AOF it answers INFO, and looking empty would be mistaken for a loss.
  for (const auto& reply : replies.value)
    if (reply.view().error()) return redis_unusable(reply.view().text());
  const auto info = replies.value[0].view();
  if (info_field(info.text(), "role") != "master") return redis_unusable("Redis is a replica");
  if (!redis_problem_.empty()) log_.info("Redis is back");
  redis_problem_.clear();
  replid_ = info_field(info.text(), "master_replid");
  const auto time = replies.value[1].view();
  redis_now_ms_ = time[0].number() * 1000 + time[1].number() / 1000;
  std::span<const Reply> rest = std::span{replies.value}.subspan(2);
  for (auto& [id, kept] : events_) {
    kept.meta = RedisSale::read_meta(rest);
    rest = rest.subspan(RedisSale::meta_replies);
    if (!chores_) continue;
    kept.sizes = RedisSale::read_sizes(rest);
    rest = rest.subspan(RedisSale::sizes_replies);
  }
  return true;
}

// False when a connection was lost on the way: what was seen is worth nothing then.
bool Keeper::look_at_all() {
  for (auto& [id, kept] : events_) {
    look_after(kept);
    if (kept.healthy) follow_timeline(kept);
    if (kept.healthy && chores_ && live(kept) && kept.sizes.unrecorded > 0) adopt(kept);
    if (!redis_.connected() || !postgres_.connected()) return false;
  }
  return true;
}

bool Keeper::live(const Kept& kept) const {
  if (kept.event->state == core::EventState::draft) return false;
  if (kept.event->state != core::EventState::closed) return true;
  return kept.closed_at_ms == 0 || redis_now_ms_ < kept.closed_at_ms + settings_.forget_after_ms;
}

bool Keeper::sound(const core::Event& event, const SaleMeta& meta) const {
  return meta.present && meta.epoch == event.epoch && meta.replid == replid_ && meta.state != "frozen";
}

void Keeper::look_after(Kept& kept) {
  const bool draft = kept.event->state == core::EventState::draft;
  if (!live(kept)) {
    kept.healthy = draft || forget(kept);
    return;
  }
  if (!sound(*kept.event, kept.meta) && !rebuild_unless_put_off(kept)) return;
  if (kept.meta.state != core::name(kept.event->state) && !catch_up(kept)) return;
  if (kept.meta.terms_version < kept.event->version) {
    RedisSale sale{redis_, scripts_, kept.event->id};
    if (!settle(kept, sale.write_terms(*kept.event, settings_.limits), sale)) return;
  }
  kept.healthy = true;
  kept.problem.clear();
}

// A rebuild that fails is tried again with growing pauses: each raises the epoch.
bool Keeper::rebuild_unless_put_off(Kept& kept) {
  kept.healthy = false;
  if (core::monotonic_ms() < kept.rebuild_after_ms) return false;
  if (rebuild(kept)) {
    kept.rebuild_pause_ms = 0;
    return true;
  }
  kept.rebuild_pause_ms = std::clamp(kept.rebuild_pause_ms * 2, rebuild_again_ms, rebuild_again_ms_max);
  kept.rebuild_after_ms = core::monotonic_ms() + kept.rebuild_pause_ms;
  return false;
}

// The keys of an event that closed long ago leave Redis; not while something is unrecorded.
bool Keeper::forget(Kept& kept) {
  if (!kept.meta.present) return true;
  RedisSale sale{redis_, scripts_, kept.event->id};
  if (kept.sizes.unrecorded > 0 || !chores_) return true;
  log_.info("closed event leaves Redis", {{"event", kept.event->id}});
  return settle(kept, sale.remove(), sale);
}

// This Redis may be believed once every event that lives in it has been checked or rebuilt on it.
void Keeper::bless() {
  const bool good =
      std::ranges::all_of(events_, [this](const auto& entry) { return !live(entry.second) || entry.second.healthy; });
  if (!good) return;
  const auto generation = core::fnv1a(replid_);
  if (generation_.trusted.exchange(generation) != generation) log_.info("Redis is trusted", {{"replid", replid_}});
}

void Keeper::store_heads() {
  for (auto& [id, kept] : events_) {
    if (!kept.healthy || kept.event->state != core::EventState::open || kept.meta.head <= kept.stored_head) continue;
    const auto error = rows_.store_head(id, kept.meta.head);
    if (error != core::Error::none) return (void)postgres_failed(error, "storing the head of a line");
    kept.stored_head = kept.meta.head;
  }
}

void Keeper::publish_status() {
  auto status = std::make_shared<KeeperStatus>();
  status->postgres = postgres_problem_.empty() && postgres_.connected();
  status->redis = redis_problem_.empty() && redis_.connected();
  status->trusted = generation_.trusted != 0 && generation_.trusted == core::fnv1a(replid_);
  status->postgres_problem = postgres_problem_;
  status->redis_problem = redis_problem_;
  status->at_ms = core::monotonic_ms();
  status->redis_now_ms = redis_now_ms_;
  status->rebuilds = rebuilds_, status->adopted = adopted_, status->lost = lost_;
  for (const auto& [id, kept] : events_)
    status->events.push_back({id, kept.event->state, kept.event->epoch, kept.event->version, kept.meta, kept.sizes,
                              kept.healthy, kept.problem});
  status_.publish(std::move(status));
}

void Keeper::write_metrics(core::MetricsText& text) const {
  const auto known = status();
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    text.gauge(name, help);
    for (const auto& event : known->events) text.sample(static_cast<int64_t>(value(event)), {{"event", event.id}});
  };
  each("unrecorded_orders", "Orders and payments in Redis that PostgreSQL has not recorded yet.",
       [](const EventStatus& event) { return event.sizes.unrecorded; });
  each("unrecorded_oldest_seconds", "How long the oldest of them has waited.", [&](const EventStatus& event) {
    return event.sizes.oldest_unrecorded_ms ? (known->redis_now_ms - event.sizes.oldest_unrecorded_ms) / 1000 : 0;
  });
  each("log_entries", "Entries of the sale's log in Redis.",
       [](const EventStatus& event) { return event.sizes.log_length; });
  each("line_users", "Users who wait.", [](const EventStatus& event) { return event.sizes.line; });
  each("active_users", "Users who are admitted.", [](const EventStatus& event) { return event.sizes.active; });
  each("seats_available", "Seats nobody has.", [](const EventStatus& event) { return event.meta.available; });
  each("seats_held", "Seats in somebody's hold.", [](const EventStatus& event) { return event.meta.held; });
  each("seats_sold", "Seats of orders.", [](const EventStatus& event) { return event.meta.sold; });
  each("event_healthy", "1 while Redis has what it should have.",
       [](const EventStatus& event) { return event.healthy; });
  text.gauge("redis_trusted", "1 while the Redis in use has been checked.");
  text.sample(int64_t{known->trusted});
  text.counter("keeper_rebuilds_total", "States of events built or rebuilt in Redis.");
  text.sample(known->rebuilds);
  text.counter("keeper_adopted_total", "Orders and payments recorded for a node that did not.");
  text.sample(known->adopted);
  text.counter("keeper_lost_orders_total", "Orders that Redis lost before they were recorded; each became a refund.");
  text.sample(known->lost);
}

}  // namespace app
