#include "app/log_source.hpp"

#include <fmt/format.h>

#include "core/time.hpp"
#include "core/ulid.hpp"
#include "seat/redis_records.hpp"

namespace app {
namespace {

constexpr std::string_view lease_ms = "15000";  // the announcer asks about every 3 s, and may be late

// "<seq>-0"
int64_t seq_of(Reply::View id) { return id.number(); }

persist::LogEntry entry_of(const core::Event* event, Reply::View raw) {
  persist::LogEntry entry;
  entry.seq = seq_of(raw[0]);
  const auto fields = raw[1];
  for (std::size_t at = 0; at + 1 < fields.size(); at += 2) {
    const auto name = fields[at].text(), value = fields[at + 1].text();
    if (name == "t") entry.type = value;
    if (name == "h") entry.hold = value;
    if (name == "u") entry.user = value;
    if (name == "a") entry.at_ms = fields[at + 1].number();
    if (name == "d") entry.detail = value;
    if (name != "s" || !event) continue;
    for (const auto seat : seat::parse_seats(value).value_or(std::vector<uint32_t>{}))
      if (seat < event->seat_count) entry.seats.push_back(event->seat_id(seat));
  }
  return entry;
}

}  // namespace

RedisLogSource::RedisLogSource(ColdRedis::Settings redis, const lua::Scripts& scripts,
                               const core::Snapshot<core::Catalog>& catalog)
    : redis_{std::move(redis)},
      scripts_{scripts},
      catalog_{catalog},
      owner_{core::UlidGenerator{}.next(core::wall_ms()).string()} {}

core::Result<Reply> RedisLogSource::command(std::initializer_list<std::string_view> words) {
  if (!redis_.connect()) return {{}, core::Error::unavailable};
  auto reply = redis_.command(words);
  if (reply && reply->view().error()) return {{}, core::Error::unavailable};
  return reply;
}

core::Result<Reply> RedisLogSource::script(std::string_view name, std::string_view event,
                                           std::initializer_list<std::string_view> arguments) {
  if (!redis_.connect()) return {{}, core::Error::unavailable};
  auto reply = redis_.script(scripts_[name], event, arguments);
  if (reply && reply->view().error()) return {{}, core::Error::unavailable};
  return reply;
}

std::vector<std::string> RedisLogSource::events() {
  std::vector<std::string> ids;
  const auto catalog = catalog_.get();
  for (const auto& event : catalog->events)
    if (event->state != core::EventState::draft) ids.push_back(event->id);
  return ids;
}

core::Result<persist::LogSource::Lease> RedisLogSource::lease(std::string_view event) {
  const auto granted = script("lease", event, {owner_, lease_ms});
  if (!granted) return {{}, granted.error};
  if (granted->view()[0].number() != 1) return {};
  fences_[std::string{event}] = std::to_string(granted->view()[1].number());
  const auto cursor = command({"HGET", lua::key_of(event, "cursors"), "announcer"});
  if (!cursor) return {{}, cursor.error};
  return {Lease{true, cursor->view().number()}};
}

core::Result<std::vector<persist::LogEntry>> RedisLogSource::read(std::string_view event, int64_t after_seq,
                                                                  std::size_t most) {
  const auto range = command(
      {"XRANGE", lua::key_of(event, "log"), fmt::format("({}-0", after_seq), "+", "COUNT", std::to_string(most)});
  if (!range) return {{}, range.error};
  const auto catalog = catalog_.get();
  std::vector<persist::LogEntry> entries;
  for (std::size_t at = 0; at < range->view().size(); ++at)
    entries.push_back(entry_of(catalog->find(event), range->view()[at]));
  return {std::move(entries)};
}

core::Result<bool> RedisLogSource::advance(std::string_view event, int64_t seq) {
  const auto fence = fences_.find(event);
  if (fence == fences_.end()) return {false};
  const auto stored = script("cursor", event, {owner_, fence->second, std::to_string(seq), "1"});
  if (!stored) return {false, stored.error};
  return {stored->view().text() == "ok"};
}

core::Result<int64_t> RedisLogSource::newest(std::string_view event) {
  const auto last = command({"XREVRANGE", lua::key_of(event, "log"), "+", "-", "COUNT", "1"});
  if (!last) return {0, last.error};
  return {seq_of(last->view()[0][0])};
}

}  // namespace app
