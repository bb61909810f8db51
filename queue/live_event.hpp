// What one core keeps of an event: its definition, its token keys, and one batch a script.
//
// Live events are made when the catalog first names them and stay until the core stops, so a handler may keep a
// pointer across a suspension; the definition behind it is replaced when the catalog brings a newer one (seats are
// numbered alike for good once an event was warmed).
// Ownership: an EventTable belongs to a core. Thread: the loop's.
#pragma once
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/event.hpp"
#include "core/snapshot.hpp"
#include "core/token.hpp"
#include "lua/scripts.hpp"
#include "net/batch.hpp"
#include "net/redis_link.hpp"

namespace queue {

// One a batch script, in the order of their files' names.
enum class Decision : uint8_t { confirm, crank, extend, find, hold, leave, map, me, place, readmit, recorded, release };
inline constexpr std::size_t decisions = 12;

class LiveEvent {
 public:
  LiveEvent(net::RedisLink& link, const lua::Scripts& scripts, const core::Keyring& keys,
            std::shared_ptr<const core::Event> definition);
  LiveEvent(const LiveEvent&) = delete;
  LiveEvent& operator=(const LiveEvent&) = delete;

  const core::Event& definition() const { return *definition_; }
  std::shared_ptr<const core::Event> shared_definition() const { return definition_; }
  std::string_view id() const { return definition_->id; }
  const core::EventTokens& tokens() const { return tokens_; }
  net::Batch& batch(Decision decision) { return *batches_[static_cast<std::size_t>(decision)]; }
  void update(std::shared_ptr<const core::Event> definition);

 private:
  std::shared_ptr<const core::Event> definition_;
  core::EventTokens tokens_;
  std::array<std::optional<net::Batch>, decisions> batches_;
};

class EventTable {
 public:
  EventTable(net::RedisLink& link, const lua::Scripts& scripts, const core::Keyring& keys,
             const core::Snapshot<core::Catalog>& catalog);
  // Null when there is no such event. Costs a relaxed load while the catalog stands still.
  LiveEvent* find(std::string_view id);
  // Every event of the newest catalog.
  template <class Visit>
  void each(Visit&& visit) {
    refresh();
    for (auto& [id, event] : events_) visit(*event);
  }

 private:
  void refresh();

  net::RedisLink& link_;
  const lua::Scripts& scripts_;
  const core::Keyring& keys_;
  const core::Snapshot<core::Catalog>& catalog_;
  uint64_t seen_ = 0;
  std::map<std::string, std::unique_ptr<LiveEvent>, std::less<>> events_;
};

}  // namespace queue
