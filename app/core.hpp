// One core of a node: a thread with its own loop, listener, Redis connection and desks. Cores share nothing but
// read-only snapshots, the writer pool's rings and what the keeper blesses.
//
// Life:  start() -> serving -> drain(): no new connections, requests in flight are finished, orders on their way to
// PostgreSQL are waited for -> drained() -> finish(): outcomes the stopped writer pool left behind are delivered,
// connections closed -> the thread ends.
// Ownership: the node owns its cores; a core owns all it serves with. Thread: start() to join() the node's; the flags
// are how it talks to the core's thread.
#pragma once
#include <atomic>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "app/config.hpp"
#include "app/keeper.hpp"
#include "app/pages.hpp"
#include "core/random.hpp"
#include "core/ulid.hpp"
#include "lua/scripts.hpp"
#include "net/redis_link.hpp"
#include "net/router.hpp"
#include "net/server.hpp"
#include "net/wake.hpp"
#include "persist/writer_pool.hpp"
#include "queue/crank.hpp"
#include "queue/desk.hpp"
#include "queue/live_event.hpp"
#include "seat/desk.hpp"
#include "seat/recordings.hpp"

namespace app {

// What all cores of a node are given; outlives them.
struct CoreShared {
  const Config& config;
  const lua::Scripts& scripts;
  const core::Snapshot<core::Catalog>& catalog;
  Generation& generation;
  queue::Alarm alarm;
  queue::IdentitySettings identity;
  std::vector<net::ScriptSource> sources;
};

class Core {
 public:
  Core(const CoreShared& shared, uint32_t index, persist::Port& port);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  static net::ServerSettings server_settings(const ServerConfig& config);
  // Starts the thread and waits until it listens; or says why it cannot.
  core::Status start();
  void drain();  // idempotent
  bool drained() const { return drained_.load(std::memory_order_acquire); }
  void finish();  // after the writer pool has stopped
  void join();

  // For metrics and the watchdog; any thread.
  uint64_t turns() const { return loop_.metrics().turns.value(); }
  const net::Loop& loop() const { return loop_; }
  const net::RedisLink& link() const { return link_; }
  const net::Server& server() const { return server_; }
  uint32_t index() const { return index_; }
  const queue::Crank& crank() const { return crank_; }

 private:
  enum class Wish : uint8_t { serve, drain, finish };
  // What the contract names and this version has not: 501, so that nobody waits for it.
  struct Absent {
    core::Async answer(net::Exchange& x);
  };
  std::vector<net::Route> routes();
  static net::RedisSettings redis_settings(const RedisConfig& config);
  void run(std::promise<core::Status> ready);
  core::Status open();
  void serve();
  void leave();
  void woken() noexcept {}  // a turn is all it takes: serve() looks at the wish
  void outcomes_arrived() noexcept { port_.deliver(); }

  const CoreShared& shared_;
  const uint32_t index_;
  persist::Port& port_;
  std::atomic<Wish> wish_{Wish::serve};
  std::atomic<bool> drained_{false};

  net::Loop loop_;
  net::RedisLink link_;
  queue::EventTable events_;
  core::UlidGenerator ids_;
  core::Random random_;
  queue::Desk line_;
  seat::Recordings recordings_;
  seat::Desk seats_;
  queue::Crank crank_;
  Absent absent_;
  Pages pages_;
  net::Router router_;
  net::Server server_;
  net::Wake wish_wake_;
  net::Wake outcome_wake_;
  std::thread thread_;
};

}  // namespace app
