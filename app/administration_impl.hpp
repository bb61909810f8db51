// What an operator asks for, done: definitions go to PostgreSQL, moves are asked of the keeper and waited for, numbers
// come from Redis as they are now. PostgreSQL's compare-and-set is the arbiter between nodes and with the keeper.
//
// Moves are strict: a move into the state the event is in already is a bad transition, like any other that is not in
// the life of an event. `open` on a draft warms it first. A move that is not in force within the deadline is 503: it
// may still come into force, the event's state tells.
// Ownership: owns a connection to each server, under a mutex; borrows the keeper.
// Thread: any; calls block, checks() does not.
#pragma once
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "app/administration.hpp"
#include "app/cold_redis.hpp"
#include "app/keeper.hpp"
#include "persist/events.hpp"
#include "persist/postgres.hpp"

namespace app {

class KeeperAdministration final : public Administration {
 public:
  struct Settings {
    ColdRedis::Settings redis;
    persist::Postgres::Settings postgres;
    std::chrono::milliseconds move_within{8000};
    // Further lines of /readyz (draining, writers, Kafka); called on the listener's thread, must not block. May be
    // empty.
    std::function<std::vector<ReadinessCheck>()> more_checks{};
  };
  KeeperAdministration(Settings settings, Keeper& keeper)
      : settings_{std::move(settings)}, keeper_{keeper}, redis_{settings_.redis}, postgres_{settings_.postgres} {}

  AdminReply put_event(std::string_view id, std::string_view definition) override;
  AdminReply list_events() override;
  AdminReply show_event(std::string_view id) override;
  AdminReply move_event(std::string_view id, EventMove move) override;
  std::vector<ReadinessCheck> checks() override;

 private:
  bool reach_postgres();
  core::Result<std::vector<persist::EventRow>> load();
  core::Result<std::optional<persist::EventRow>> find(std::string_view id);
  AdminReply put(std::string_view id, std::string_view definition, const core::Event& event, int64_t& version);
  void await_published(std::string_view id, int64_t version);
  AdminReply insert(std::string_view id, std::string_view definition, const core::Event& event);
  AdminReply update(const persist::EventRow& row, std::string_view definition, const core::Event& event);
  AdminReply unavailable() const;

  const Settings settings_;
  Keeper& keeper_;
  std::mutex mutex_;  // over the connections
  ColdRedis redis_;
  persist::Postgres postgres_;
  persist::Events rows_{postgres_};
  std::string problem_;  // of PostgreSQL
};

// Why `after` may not replace `before` once seats may have been sold by it; empty when it may. What numbers seats,
// prices them or names the money is fixed; the rest (names of things, instants, limits, rates) is not.
std::string change_refused(const core::Event& before, const core::Event& after);

}  // namespace app
