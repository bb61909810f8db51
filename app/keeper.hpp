// The keeper: keeps Redis what PostgreSQL says it is. One thread a process, with connections of its own.
//
// Each tick (or at once when poked) it loads the events whose rows changed and publishes them, looks at every event in
// Redis, rebuilds what Redis lost or never had, repairs a state that lags behind PostgreSQL's, moves events along
// their timeline and as operators ask, adopts orders nobody records, and blesses the Redis it has checked.
//
// A rebuild (also the warm-up of a draft, which only skips step 2) and what a death between two steps leaves behind:
//   1 advisory lock of the event     nothing; the lock dies with the connection
//   2 raise the epoch in PostgreSQL  scripts of the new epoch find the old one and change nothing; PostgreSQL refuses
//                                    batches of the old one; the next keeper sees two epochs and rebuilds, epoch + 1
//   3 freeze.lua at the new epoch    every script answers `frozen`; the next keeper sees it frozen and rebuilds
//   4 read what survived and what PostgreSQL has, overlay
//   5 write in guarded chunks        as 3; laying over twice is the same as once (overlay.hpp)
//   6 thaw.lua, which notes the master_replid the state was built on: one script, done or not done
//   7 for a draft: draft -> warmed in PostgreSQL. Died before: the event is still a draft and is warmed again
// A live event's rebuild always raises the epoch, also when an earlier one was cut: a node that is only slow, not dead,
// is then refused by every chunk, instead of writing into the rebuild that took over from it.
// A transition is compare-and-set in PostgreSQL, then transition.lua. Died between: the next look sees Redis behind and
// repeats the script.
// An order C -> PostgreSQL -> recorded.lua. Died anywhere: it is still in {e}:unrecorded and is adopted; PostgreSQL
// answers an order it has with what it decided.
//
// Ownership: owns its thread and connections; borrows what it is given, which must outlive it. Thread: start(), stop()
// and tick() the owner's; poke(), report_stale(), move(), status() and write_metrics() any.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "app/administration.hpp"
#include "app/cold_redis.hpp"
#include "app/redis_sale.hpp"
#include "app/timeline.hpp"
#include "core/event.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/snapshot.hpp"
#include "lua/scripts.hpp"
#include "persist/events.hpp"
#include "persist/postgres.hpp"
#include "persist/record.hpp"

namespace app {

// Which Redis may be believed: the FNV-1a of the master_replid every event was checked on; 0: none yet.
struct Generation {
  std::atomic<uint64_t> trusted{0};
};

struct KeeperSettings {
  ColdRedis::Settings redis;
  persist::Postgres::Settings postgres;
  RedisSale::Limits limits;
  int64_t tick_ms = 200;
  int64_t adopt_after_ms = 3000;                     // unrecorded for longer: whoever should record it is gone
  int64_t forget_after_ms = 24 * 3600 * 1000;        // after closing, an event's keys leave Redis
  void (*at_step)(std::string_view step) = nullptr;  // called between the steps of a rebuild; tests die in it
};

struct EventStatus {
  std::string id;
  core::EventState state = core::EventState::draft;  // PostgreSQL's
  int64_t epoch = 0, version = 0;                    // the version is that of the published definition
  SaleMeta meta;                                     // as last seen
  SaleSizes sizes;
  bool healthy = false;  // Redis has what it should have; true for a draft
  std::string problem;   // in words; empty when there is none
};

// What the keeper knew at the end of a tick.
struct KeeperStatus {
  bool postgres = false, redis = false, trusted = false;
  std::string postgres_problem, redis_problem;
  int64_t at_ms = 0, redis_now_ms = 0;           // monotonic; Redis' clock
  uint64_t rebuilds = 0, adopted = 0, lost = 0;  // since the start
  std::vector<EventStatus> events;               // sorted by id
  const EventStatus* find(std::string_view id) const;
};

struct MoveResult {
  enum class Code : uint8_t { done, unknown_event, bad_transition, unavailable };
  Code code = Code::unavailable;
  std::string detail;
};

class Keeper {
 public:
  Keeper(KeeperSettings settings, const lua::Scripts& scripts, core::Snapshot<core::Catalog>& catalog,
         Generation& generation, const core::Log& log);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Before anything starts: Redis answers, evicts nothing and is a master; PostgreSQL has the schema.
  core::Status check();

  core::Status start();
  void stop();  // idempotent; moves that wait are answered `unavailable`
  // One turn on the calling thread, instead of start().
  void tick();

  // Look now: a script answered `stale`. Cheap enough for a core's loop.
  void poke() noexcept;
  // PostgreSQL refused it for its epoch: after the rebuild it is recorded when Redis still has it, else paid back.
  void report_stale(const persist::Order& order);
  void report_stale(const persist::Refusal& refusal);
  // The result comes when the move is in force in Redis, or when it is not by `within`.
  std::future<MoveResult> move(std::string_view event, EventMove move, std::chrono::milliseconds within);

  std::shared_ptr<const KeeperStatus> status() const { return status_.get(); }
  void write_metrics(core::MetricsText& text) const;

 private:
  struct Kept {  // an event as the keeper knows it
    std::shared_ptr<const core::Event> event;
    int64_t stored_head = 0;
    int64_t closed_at_ms = 0;  // of a closed event: when its row last changed
    SaleMeta meta;
    SaleSizes sizes;
    bool healthy = false;
    std::string problem;
    int64_t rebuild_pause_ms = 0, rebuild_after_ms = 0;  // monotonic; after a rebuild failed
  };
  struct WaitingMove {
    std::string event;
    EventMove move;
    std::chrono::steady_clock::time_point deadline;
    std::promise<MoveResult> promise;
    std::optional<core::EventState> target;  // once it was accepted
  };
  struct Mailbox {
    std::vector<persist::Order> orders;
    std::vector<persist::Refusal> refusals;
    std::vector<WaitingMove> moves;
  };
  struct Rebuild;

  // keeper.cpp
  void run();
  void wait();
  void take_mail();
  bool connect_postgres();
  bool connect_redis();
  bool load_events();
  bool load_closing_times();
  void keep(const persist::EventRow& row);
  bool reload(Kept& kept);
  void publish_catalog();
  bool look();
  bool look_at_all();
  void look_after(Kept& kept);
  bool live(const Kept& kept) const;
  bool sound(const core::Event& event, const SaleMeta& meta) const;
  bool rebuild_unless_put_off(Kept& kept);
  bool forget(Kept& kept);
  void bless();
  void store_heads();
  void publish_status();
  void trouble(Kept& kept, std::string problem);
  bool postgres_failed(core::Error error, std::string_view what);
  bool redis_failed(std::string_view what);
  bool redis_unusable(std::string_view why);
  bool settle(Kept& kept, RedisSale::Outcome outcome, const RedisSale& sale);

  // keeper_rebuild.cpp
  bool rebuild(Kept& kept);
  bool rebuild_locked(Kept& kept);
  bool same_redis(Kept& kept);
  bool may_warm(Kept& kept);
  bool raise_epoch(Kept& kept);
  RedisSale::Outcome rebuild_once(Kept& kept, RedisSale& sale, Rebuild& done);
  void report(const Kept& kept, const Rebuild& done);
  void step(std::string_view name) const;

  // keeper_timeline.cpp
  void follow_timeline(Kept& kept);
  bool change_state(Kept& kept, core::EventState to);
  bool catch_up(Kept& kept);
  bool warm(Kept& kept);
  void serve_moves();
  bool serve(WaitingMove& waiting);
  bool accept(Kept& kept, WaitingMove& waiting);
  bool advance(Kept& kept, core::EventState target);

  // keeper_adoption.cpp
  struct Adoption;
  void adopt(Kept& kept);
  bool adopt_ids(Kept& kept, const std::vector<std::string>& ids);
  bool gather(Kept& kept, const std::vector<std::string>& ids, Adoption& adoption);
  bool take_payment(const core::Event& event, const std::string& id, std::string_view text,
                    std::vector<persist::Refusal>& refusals) const;
  bool take_order(const core::Event& event, const std::string& id, std::string_view text, Adoption& adoption) const;
  void put_off(const Kept& kept, const std::string& id, std::string_view why);
  bool record(Kept& kept, Adoption& adoption);
  bool record_refusals(Kept& kept, Adoption& adoption);
  bool tell_redis(Kept& kept, const std::vector<std::vector<std::string>>& items);
  void settle_stale();
  Kept* rebuilt_since(std::string_view event, int64_t epoch);
  bool settle_stale_order(const persist::Order& order);
  bool settle_stale_refusal(persist::Refusal refusal);
  bool pay_back(Kept& kept, persist::Order order);
  bool remember_rejection(const persist::Order& order, const persist::Recorded& recorded);

  const KeeperSettings settings_;
  const lua::Scripts& scripts_;
  core::Snapshot<core::Catalog>& catalog_;
  Generation& generation_;
  const core::Log& log_;

  // Of the keeper's thread.
  ColdRedis redis_;
  persist::Postgres postgres_;
  persist::Events rows_{postgres_};
  persist::Recorder recorder_;
  std::map<std::string, Kept, std::less<>> events_;
  std::map<std::string, int64_t, std::less<>> unreadable_;  // rows nobody can parse -> version
  bool events_changed_ = false;
  std::string replid_;        // of the Redis this tick looked at
  int64_t redis_now_ms_ = 0;  // its clock
  std::string postgres_problem_, redis_problem_;
  int64_t connect_after_ms_ = 0;  // monotonic: PostgreSQL is not asked before
  int64_t chores_at_ms_ = 0;      // monotonic: sizes, heads and adoption are due
  bool chores_ = false;
  uint64_t catalog_version_ = 0, rebuilds_ = 0, adopted_ = 0, lost_ = 0;
  std::vector<persist::Order> stale_orders_;
  std::vector<persist::Refusal> stale_refusals_;
  std::vector<WaitingMove> moves_;
  std::map<std::string, int64_t, std::less<>> put_off_;  // unrecorded ids nobody could record -> not before (monotonic)

  // Shared with other threads.
  std::mutex mutex_;
  Mailbox mailbox_;
  std::atomic<bool> poked_{false}, stopping_{false};
  int wake_fd_ = -1;  // eventfd
  core::Snapshot<KeeperStatus> status_;
  std::thread thread_;
};

}  // namespace app
