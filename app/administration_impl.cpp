#include "app/administration_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "core/json_writer.hpp"
#include "core/limits.hpp"
#include "core/time.hpp"

namespace app {
namespace {

using Json = core::JsonWriter<std::string>;

constexpr int64_t silent_keeper_ms = 10'000;  // no tick for so long: it hangs behind a server
constexpr int put_attempts_max = 5;
constexpr int64_t publish_ms_max = 1000, publish_poll_ms = 5;

std::string summary(const core::Event& event) {
  std::string body;
  Json json{body};
  json.begin_object().member("id", event.id).member("state", core::name(event.state));
  json.member("epoch", event.epoch).member("version", event.version).end_object();
  return body;
}

core::Checked<core::Event> event_of(const persist::EventRow& row) {
  auto event = core::parse_event(row.id, row.definition);
  if (event) event->state = row.state, event->epoch = row.epoch, event->version = row.version;
  return event;
}

bool same_row(const core::Row& before, const core::Row& after) {
  return before.name == after.name && before.first == after.first && before.seats == after.seats;
}

std::string section_change(const core::Section& before, const core::Section& after) {
  if (before.id != after.id) return fmt::format("section {} cannot become {}", before.id, after.id);
  if (before.amount != after.amount) return fmt::format("the amount of section {} is fixed", before.id);
  if (before.general != after.general || !std::ranges::equal(before.rows, after.rows, same_row))
    return fmt::format("the seats of section {} are fixed", before.id);
  return {};
}

struct Numbers {
  SaleMeta meta;
  SaleSizes sizes;
  bool known = false;
};

Numbers numbers_of(ColdRedis& redis, std::string_view event) {
  Numbers numbers;
  core::Result<std::vector<Reply>> replies{{}, core::Error::unavailable};
  // Twice: a connection that Redis closed by restarting is found out by using it.
  for (int attempt = 0; attempt < 2 && !replies; ++attempt) {
    if (!redis.connect()) return numbers;
    RedisSale::append_meta(redis, event);
    RedisSale::append_sizes(redis, event);
    replies = redis.finish();
  }
  if (!replies) return numbers;
  const std::span all{replies.value};
  numbers.meta = RedisSale::read_meta(all);
  numbers.sizes = RedisSale::read_sizes(all.subspan(RedisSale::meta_replies));
  numbers.known = true;
  return numbers;
}

void write_numbers(Json& json, const Numbers& numbers) {
  json.member("line", numbers.sizes.line).member("active", numbers.sizes.active);
  json.key("seats").begin_object().member("available", numbers.meta.available);
  json.member("held", numbers.meta.held).member("sold", numbers.meta.sold).end_object();
  json.member("unrecorded", numbers.sizes.unrecorded).member("log_length", numbers.sizes.log_length);
  json.member("seq", numbers.meta.seq).member("head", numbers.meta.head);
}

void write_terms(Json& json, const core::Event& event) {
  json.member("name", event.name).member("venue", event.venue).key("opens_at").instant(event.opens_at_ms);
  json.key("closes_at");
  event.closes_at_ms ? json.instant(*event.closes_at_ms) : json.null();
  json.key("admission").begin_object();
  json.key("rate_per_s").raw(fmt::format("{}", event.admission.rate_per_s));
  json.member("active_max", event.admission.active_max).end_object();
}

// What is wrong, in words; nothing when all is well.
std::vector<std::string> wrong_with(const core::Event& event, const EventStatus* status, const Numbers& numbers) {
  std::vector<std::string> wrong;
  if (!numbers.known) wrong.emplace_back("Redis cannot be reached");
  if (status && !status->problem.empty()) wrong.push_back(status->problem);
  if (!numbers.known || event.state == core::EventState::draft || !numbers.meta.present) return wrong;
  const auto& meta = numbers.meta;
  const auto counted = meta.available + meta.held + meta.sold;
  if (meta.state == "frozen") wrong.emplace_back("its state in Redis is being rebuilt");
  if (counted != event.seat_count)
    wrong.push_back(fmt::format("Redis counts {} seats of {}", counted, event.seat_count));
  if (meta.epoch != event.epoch)
    wrong.push_back(fmt::format("Redis is at epoch {}, PostgreSQL at {}", meta.epoch, event.epoch));
  return wrong;
}

}  // namespace

std::string change_refused(const core::Event& before, const core::Event& after) {
  if (before.currency != after.currency) return "the currency is fixed";
  if (before.sections.size() != after.sections.size()) return "the number of sections is fixed";
  for (std::size_t at = 0; at < before.sections.size(); ++at)
    if (auto refused = section_change(before.sections[at], after.sections[at]); !refused.empty()) return refused;
  return {};
}

bool KeeperAdministration::reach_postgres() {
  if (postgres_.connected()) return true;
  problem_ = postgres_.connect().problem;
  return problem_.empty();
}

AdminReply KeeperAdministration::unavailable() const {
  return AdminReply::problem(net::Code::backend_unavailable,
                             problem_.empty() ? "PostgreSQL cannot be reached" : problem_);
}

// A connection that broke while it was idle is opened once more.
core::Result<std::vector<persist::EventRow>> KeeperAdministration::load() {
  if (!reach_postgres()) return {{}, core::Error::unavailable};
  auto rows = rows_.load();
  if (rows || !reach_postgres()) return rows;
  return rows_.load();
}

core::Result<std::optional<persist::EventRow>> KeeperAdministration::find(std::string_view id) {
  if (!reach_postgres()) return {{}, core::Error::unavailable};
  auto row = rows_.find(id);
  if (row || !reach_postgres()) return row;
  return rows_.find(id);
}

AdminReply KeeperAdministration::put_event(std::string_view id, std::string_view definition) {
  const auto event = core::parse_event(id, definition);
  if (!event) return AdminReply::problem(net::Code::bad_request, event.problem);
  int64_t version = 0;
  auto reply = put(id, definition, *event.value, version);
  if (!reply.code) await_published(id, version);
  return reply;
}

AdminReply KeeperAdministration::put(std::string_view id, std::string_view definition, const core::Event& event,
                                     int64_t& version) {
  std::lock_guard lock{mutex_};
  // Another node may create or change it between the look and the write: look again.
  for (int attempt = 0; attempt < put_attempts_max; ++attempt) {
    const auto row = find(id);
    if (!row) return unavailable();
    version = row.value ? row.value->version + 1 : 1;
    auto reply = row.value ? update(*row.value, definition, event) : insert(id, definition, event);
    if (reply.status != 0 || reply.code) return reply;
  }
  return AdminReply::problem(net::Code::backend_unavailable, "the event is being changed by others all the time");
}

// So that the caller's next request, to any listener of this node, finds what this one did. Not for long: it is done.
void KeeperAdministration::await_published(std::string_view id, int64_t version) {
  keeper_.poke();
  for (int64_t waited_ms = 0; waited_ms < publish_ms_max; waited_ms += publish_poll_ms) {
    const auto known = keeper_.status();
    if (const auto* event = known->find(id); event && event->version >= version) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{publish_poll_ms});
  }
}

// Status 0 and no code: somebody was faster.
AdminReply KeeperAdministration::insert(std::string_view id, std::string_view definition, const core::Event& event) {
  const auto known = keeper_.status();
  if (known->events.size() >= core::limits::events_max)
    return AdminReply::problem(net::Code::overloaded, fmt::format("there are {} events already", known->events.size()));
  const auto inserted = rows_.insert(id, definition);
  if (!inserted) return unavailable();
  if (!inserted.value) return {0, {}, std::nullopt, {}};
  auto created = event;
  created.epoch = created.version = 1;
  return AdminReply::json(201, summary(created));
}

AdminReply KeeperAdministration::update(const persist::EventRow& row, std::string_view definition,
                                        const core::Event& event) {
  const auto before = event_of(row);
  const bool sold_from = row.state != core::EventState::draft;
  if (row.state == core::EventState::closed)
    return AdminReply::problem(net::Code::event_on_sale, "the event is closed");
  if (sold_from && before)
    if (const auto refused = change_refused(*before.value, event); !refused.empty())
      return AdminReply::problem(net::Code::event_on_sale, refused);
  const auto updated = rows_.update(row.id, row.version, definition);
  if (!updated) return unavailable();
  if (!updated.value) return {0, {}, std::nullopt, {}};
  auto changed = event;
  changed.state = row.state, changed.epoch = row.epoch, changed.version = row.version + 1;
  return AdminReply::json(200, summary(changed));
}

AdminReply KeeperAdministration::list_events() {
  std::lock_guard lock{mutex_};
  const auto rows = load();
  if (!rows) return unavailable();
  const auto known = keeper_.status();
  std::string body;
  Json json{body};
  json.begin_object().key("events").begin_array();
  for (const auto& row : rows.value) {
    const auto event = event_of(row);
    const auto* status = known->find(row.id);
    json.begin_object().member("id", row.id).member("state", core::name(row.state));
    json.member("epoch", row.epoch).member("version", row.version);
    if (event) json.member("name", event.value->name).key("opens_at").instant(event.value->opens_at_ms);
    json.member("healthy", status && status->healthy).end_object();
  }
  json.end_array().end_object();
  return AdminReply::json(200, std::move(body));
}

AdminReply KeeperAdministration::show_event(std::string_view id) {
  std::lock_guard lock{mutex_};
  const auto row = find(id);
  if (!row) return unavailable();
  if (!row.value) return AdminReply::problem(net::Code::event_not_found, "there is no such event");
  const auto event = event_of(*row.value);
  if (!event)
    return AdminReply::problem(net::Code::backend_unavailable,
                               "the stored definition cannot be read: " + event.problem);
  const auto numbers = numbers_of(redis_, id);
  const auto known = keeper_.status();
  const auto wrong = wrong_with(*event.value, known->find(id), numbers);
  std::string body;
  Json json{body};
  json.begin_object().member("id", id).member("state", core::name(row.value->state));
  json.member("state_in_redis", numbers.meta.present ? numbers.meta.state : std::string{"none"});
  json.member("epoch", row.value->epoch).member("version", row.value->version);
  write_terms(json, *event.value);
  write_numbers(json, numbers);
  json.member("healthy", wrong.empty()).key("checks").begin_array();
  for (const auto& sentence : wrong) json.text(sentence);
  json.end_array().end_object();
  return AdminReply::json(200, std::move(body));
}

AdminReply KeeperAdministration::move_event(std::string_view id, EventMove move) {
  const auto result = keeper_.move(id, move, settings_.move_within).get();
  switch (result.code) {
    case MoveResult::Code::done:
      return show_event(id);
    case MoveResult::Code::unknown_event:
      return AdminReply::problem(net::Code::event_not_found, result.detail);
    case MoveResult::Code::bad_transition:
      return AdminReply::problem(net::Code::bad_transition, result.detail);
    case MoveResult::Code::unavailable:
      break;
  }
  return AdminReply::problem(net::Code::backend_unavailable, result.detail);
}

std::vector<ReadinessCheck> KeeperAdministration::checks() {
  const auto known = keeper_.status();
  const bool ticking = known->at_ms != 0 && core::monotonic_ms() - known->at_ms < silent_keeper_ms;
  std::vector<ReadinessCheck> checks;
  checks.push_back({"keeper", ticking, ticking ? "" : "has not looked for a while"});
  checks.push_back({"redis", known->redis && known->trusted,
                    !known->redis     ? known->redis_problem
                    : !known->trusted ? "generation not yet trusted"
                                      : ""});
  // Neither keeps users away: without PostgreSQL confirmations are pending, and a sick event is one of many.
  checks.push_back({"postgres", known->postgres || known->trusted, known->postgres_problem});
  const auto well = std::ranges::count_if(known->events, [](const EventStatus& event) { return event.healthy; });
  checks.push_back({"events", true, fmt::format("{} of {} as they should be", well, known->events.size())});
  if (settings_.more_checks)
    for (auto& check : settings_.more_checks()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace app
