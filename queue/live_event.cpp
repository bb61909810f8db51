#include "queue/live_event.hpp"

#include "core/assert.hpp"

namespace queue {
namespace {

constexpr std::array<std::string_view, decisions> script_names{
    "confirm", "crank", "extend", "find", "hold", "leave", "map", "me", "place", "readmit", "recorded", "release"};

net::Prepared prepare(const lua::Script& script, std::string_view event) {
  std::vector<std::string> keys;
  for (const auto& key : script.keys) keys.push_back(lua::key_of(event, key));
  return net::prepare_script(script.sha1, keys);
}

}  // namespace

LiveEvent::LiveEvent(net::RedisLink& link, const lua::Scripts& scripts, const core::Keyring& keys,
                     std::shared_ptr<const core::Event> definition)
    : definition_{std::move(definition)}, tokens_{keys, definition_->id} {
  for (std::size_t at = 0; at < decisions; ++at) {
    const auto& script = scripts[script_names[at]];
    ONSALE_ASSERT(script.width > 0);
    batches_[at].emplace(link, prepare(script, definition_->id), script.width);
    batches_[at]->set_epoch(definition_->epoch);
  }
}

void LiveEvent::update(std::shared_ptr<const core::Event> definition) {
  definition_ = std::move(definition);
  for (auto& batch : batches_) batch->set_epoch(definition_->epoch);
}

EventTable::EventTable(net::RedisLink& link, const lua::Scripts& scripts, const core::Keyring& keys,
                       const core::Snapshot<core::Catalog>& catalog)
    : link_{link}, scripts_{scripts}, keys_{keys}, catalog_{catalog} {}

LiveEvent* EventTable::find(std::string_view id) {
  refresh();
  const auto found = events_.find(id);
  return found == events_.end() ? nullptr : found->second.get();
}

void EventTable::refresh() {
  const auto version = catalog_.version();
  if (version == seen_) return;
  seen_ = version;
  const auto catalog = catalog_.get();
  for (const auto& event : catalog->events) {
    auto& live = events_[event->id];
    if (!live) {
      live = std::make_unique<LiveEvent>(link_, scripts_, keys_, event);
    } else if (live->definition().version != event->version || live->definition().epoch != event->epoch ||
               live->definition().state != event->state) {
      live->update(event);
    }
  }
}

}  // namespace queue
