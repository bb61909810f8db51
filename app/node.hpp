// A node: everything one onsaled process runs, wired together and started and stopped in order.
//
//   start:  keeper checks Redis and PostgreSQL -> writers -> keeper -> announcer -> cores listen -> operations listener
//   stop:   readyz says draining -> cores finish what is in flight -> writers record what they have -> cores close ->
//           announcer, keeper, operations listener
// Anything that fails to start is one sentence, and nothing is left running.
// Ownership: owns all parts; the only place that knows them all. Thread: main's.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "app/administration_impl.hpp"
#include "app/config.hpp"
#include "app/core.hpp"
#include "app/keeper.hpp"
#include "app/log_source.hpp"
#include "app/operations/listener.hpp"
#include "app/version.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "lua/scripts.hpp"
#include "persist/announcer.hpp"
#include "persist/writer_pool.hpp"

namespace app {

class Node {
 public:
  Node(Config config, const core::Log& log);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  core::Status start();
  // Drains for a while, shorter when `hurry` says so, then stops. Idempotent.
  void stop(const std::function<bool()>& hurry);
  // True when every core's loop has turned since the last call: what the watchdog wants to know.
  bool alive();

 private:
  core::Status wait_for_port();
  void fit_connections();
  core::Status start_writers();
  core::Status start_cores();
  core::Status start_operations();
  core::Status wait_for_events() const;
  core::Status start_announcer();
  std::vector<ReadinessCheck> checks() const;
  void write_core_metrics(core::MetricsText& text) const;
  void write_writer_metrics(core::MetricsText& text) const;
  void add_metrics();
  bool all_drained() const;

  Config config_;
  const core::Log& log_;
  lua::Scripts scripts_;
  core::Snapshot<core::Catalog> catalog_;
  Generation generation_;
  core::Metrics metrics_{1};
  std::atomic<bool> draining_{false};
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<persist::WriterPool> writers_;
  std::unique_ptr<RedisLogSource> log_source_;
  std::unique_ptr<persist::Announcer> announcer_;
  std::unique_ptr<CoreShared> shared_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::vector<uint64_t> turns_seen_;
  std::unique_ptr<KeeperAdministration> administration_;
  std::unique_ptr<OperationsListener> operations_;
};

}  // namespace app
