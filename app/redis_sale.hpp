// One event's state in Redis as the keeper sees it: look at it, stop it, read what survived, write what it has to be,
// let it go on. The only place outside the scripts that writes an event's keys.
//
// Writing is only done while the event is frozen, in chunks of one transaction each that first WATCH the event's meta
// and check that it is still frozen at our epoch and that nothing was logged since freeze(): a node that lost its lock,
// or an order that was recorded meanwhile, ends the rebuild (Outcome::changed) instead of being mixed into it. A user
// and all holds of that user are in one chunk, so that laying over again after a cut is right (overlay.hpp).
// Ownership: borrows the connection and the scripts. Thread: the connection's.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/cold_redis.hpp"
#include "app/overlay.hpp"
#include "core/event.hpp"
#include "lua/scripts.hpp"

namespace app {

// What {e}:meta says; cheap enough to be read each tick.
struct SaleMeta {
  bool present = false;  // epoch and state are there
  int64_t epoch = 0;
  std::string state, replid;  // the master_replid the state was built on
  int64_t seq = 0, head = 0;
  int64_t terms_version = 0;  // of the event's row when its terms were written
  int64_t available = 0, held = 0, sold = 0;
};

// The sizes around it; read once a second.
struct SaleSizes {
  int64_t line = 0, active = 0, unrecorded = 0, oldest_unrecorded_ms = 0 /* instant; 0: none */, log_length = 0;
};

class RedisSale {
 public:
  enum class Outcome : uint8_t {
    done,
    changed,      // somebody else moved it meanwhile: look again
    unavailable,  // the connection is gone; it may or may not have been done
    failed,       // Redis refuses; problem() has its words
  };
  struct Limits {
    int64_t log_max = 500'000, lag_max = 5'000;
  };

  RedisSale(ColdRedis& redis, const lua::Scripts& scripts, std::string event)
      : redis_{redis}, scripts_{scripts}, event_{std::move(event)} {}

  // For many events in one round trip: append for each, ColdRedis::finish(), then read for each.
  static constexpr std::size_t meta_replies = 1, sizes_replies = 5;
  static void append_meta(ColdRedis& redis, std::string_view event);
  static SaleMeta read_meta(std::span<const Reply> replies);
  static void append_sizes(ColdRedis& redis, std::string_view event);
  static SaleSizes read_sizes(std::span<const Reply> replies);
  Outcome look(SaleMeta& meta);

  // Stops the event at `epoch`; an event without state is to become `initial`. Remembers where the log stood.
  Outcome freeze(int64_t epoch, core::EventState initial);
  // Everything that survived; records nobody understands are left where they are and named in `findings`.
  Outcome survivors(Survivors& found, std::vector<std::string>& findings);
  // Writes terms, seats and what of `sale` differs from what survived. Only after freeze().
  // `at_step` (may be null) is called with "chunk" after each chunk.
  Outcome write(const core::Event& event, const SaleState& sale, const Survivors& before, int64_t head, Limits limits,
                void (*at_step)(std::string_view));
  Outcome give_up(std::string why) { return problem_ = std::move(why), Outcome::failed; }
  Outcome thaw(std::string_view replid);
  // Writes what the definition says (rates, limits, instants) and that it is of this version of the row.
  Outcome write_terms(const core::Event& event, Limits limits);
  // After PostgreSQL has moved. `changed`: Redis is in neither state, or at another epoch.
  Outcome transition(int64_t epoch, core::EventState from, core::EventState to);
  // Removes every key of the event.
  Outcome remove();

  const std::string& problem() const { return problem_; }

 private:
  class Chunk;
  std::string key(std::string_view name) const { return lua::key_of(event_, name); }
  Outcome check(const core::Result<Reply>& reply);
  Outcome word(const core::Result<Reply>& reply);
  template <class Take>
  Outcome scan(std::string_view name, Take take);
  Outcome commit(Chunk& chunk);
  Outcome write_records(const SaleState& sale, const Survivors& before);
  Outcome write_rest(const SaleState& sale, const Survivors& before);

  ColdRedis& redis_;
  const lua::Scripts& scripts_;
  std::string event_;
  int64_t epoch_ = 0, seq_ = 0;  // as freeze() left them
  void (*at_step_)(std::string_view) = nullptr;
  std::string problem_;
};

}  // namespace app
