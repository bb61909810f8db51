// Waiting for the writers and the announcer: what is still on its way when the last buyer has gone is no loss.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/time.hpp"
#include "perf/crowd/evidence.hpp"
#include "perf/crowd/postgres.hpp"
#include "perf/crowd/redis.hpp"

namespace crowd {
namespace {

struct Backlog {
  int64_t unrecorded = 0, held = 0, outbox = 0, log = 0;
  bool empty() const { return unrecorded == 0 && held == 0 && outbox == 0 && log == 0; }
};

// How far the announcer's acknowledged cursor is behind the sale's log; 0 where nothing is announced.
int64_t log_behind(Redis& redis, const std::string& prefix) {
  int64_t seq = redis.integer({"HGET", prefix + "meta", "seq"});
  int64_t cursor = redis.integer({"HGET", prefix + "cursors", "announcer"});
  return std::max<int64_t>(0, seq - cursor);
}

core::Checked<Backlog> measure(const Options& options, const std::string& event) {
  const bool announced = options.kafka_kind != KafkaKind::none;
  const std::string prefix = "{" + event + "}:";
  Redis redis{options.redis_url};
  Backlog backlog;
  backlog.unrecorded = redis.integer({"ZCARD", prefix + "unrecorded"});
  backlog.held = redis.integer({"ZCARD", prefix + "holds"});
  if (announced) backlog.log = log_behind(redis, prefix);
  if (!redis.problem().empty()) return core::Checked<Backlog>::failed("Redis: " + redis.problem());
  if (!announced) return backlog;
  Postgres postgres{options.pg_dsn};
  backlog.outbox = postgres.count("SELECT count(*) FROM outbox WHERE event = $1", event);
  if (!postgres.problem().empty()) return core::Checked<Backlog>::failed("PostgreSQL: " + postgres.problem());
  return backlog;
}

}  // namespace

core::Status wait_until_quiet(const Options& options, const std::string& event, int64_t wait_ms_max) {
  const int64_t end_ms = core::monotonic_ms() + wait_ms_max;
  while (true) {
    auto backlog = measure(options, event);
    if (!backlog) return {backlog.problem};
    if (backlog->empty()) return {};
    if (core::monotonic_ms() >= end_ms) {
      return {
          fmt::format("after {} s there are still {} unrecorded orders, {} live holds, {} orders and {} log entries"
                      " to announce",
                      wait_ms_max / 1000, backlog->unrecorded, backlog->held, backlog->outbox, backlog->log)};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

}  // namespace crowd
