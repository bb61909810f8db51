#include "persist/events.hpp"

namespace persist {
namespace {

constexpr std::string_view event_columns =
    "SELECT e.id, e.definition, e.state, e.epoch, e.version, coalesce(h.head, 0) "
    "FROM events e LEFT JOIN event_heads h ON h.event = e.id ";

EventRow event_row(const Rows& rows, int row) {
  return {.id = std::string{rows.text(row, 0)},
          .definition = std::string{rows.text(row, 1)},
          .state = core::event_state(rows.text(row, 2)).value_or(core::EventState::draft),
          .epoch = rows.integer(row, 3),
          .version = rows.integer(row, 4),
          .head = rows.integer(row, 5)};
}

}  // namespace

core::Error error_of(Sql outcome) {
  switch (outcome) {
    case Sql::done:
      return core::Error::none;
    case Sql::unknown:
      return core::Error::closed;
    case Sql::conflict:
    case Sql::unacceptable:
      return core::Error::protocol;
    case Sql::retry:
    case Sql::unavailable:
      return core::Error::unavailable;
  }
  return core::Error::unavailable;
}

core::Result<bool> Events::changed(std::string_view statement, const Parameters& parameters) {
  auto answer = postgres_.query(statement, parameters);
  if (!answer) return {false, error_of(answer.outcome)};
  return {answer.rows.count() == 1 && answer.rows.boolean(0, 0)};
}

core::Result<std::vector<EventRow>> Events::rows(std::string_view statement, const Parameters& parameters) {
  auto answer = postgres_.query(statement, parameters);
  if (!answer) return {{}, error_of(answer.outcome)};
  core::Result<std::vector<EventRow>> result;
  for (int row = 0; row < answer.rows.count(); ++row) result.value.push_back(event_row(answer.rows, row));
  return result;
}

core::Result<std::vector<EventRow>> Events::load(std::span<const KnownEvent> known) {
  std::vector<std::string_view> ids;
  std::vector<int64_t> versions;
  for (const auto& event : known) ids.push_back(event.id), versions.push_back(event.version);
  return rows(std::string{event_columns} +
                  "LEFT JOIN unnest($1, $2) AS k (id, version) ON k.id = e.id "
                  "WHERE k.version IS DISTINCT FROM e.version ORDER BY e.id",
              Parameters{}.texts(ids).integers(versions));
}

core::Result<std::optional<EventRow>> Events::find(std::string_view event) {
  auto found = rows(std::string{event_columns} + "WHERE e.id = $1", Parameters{}.text(event));
  if (!found) return {{}, found.error};
  if (found.value.empty()) return {};
  return {std::move(found.value.front())};
}

core::Result<bool> Events::insert(std::string_view event, std::string_view definition) {
  return changed(
      "INSERT INTO events (id, definition) VALUES ($1, $2::text::jsonb) ON CONFLICT DO NOTHING RETURNING true",
      Parameters{}.text(event).text(definition));
}

core::Result<bool> Events::update(std::string_view event, int64_t version, std::string_view definition) {
  return changed(
      "UPDATE events SET definition = $3::text::jsonb, version = version + 1, changed_at = now() "
      "WHERE id = $1 AND version = $2 RETURNING true",
      Parameters{}.text(event).integer(version).text(definition));
}

core::Result<bool> Events::change_state(std::string_view event, core::EventState from, core::EventState to) {
  return changed("SELECT onsale_change_state($1, $2, $3)",
                 Parameters{}.text(event).text(core::name(from)).text(core::name(to)));
}

core::Result<bool> Events::warm(std::string_view event, int64_t version) {
  return changed(
      "UPDATE events SET state = 'warmed', version = version + 1, changed_at = now() "
      "WHERE id = $1 AND state = 'draft' AND version = $2 RETURNING true",
      Parameters{}.text(event).integer(version));
}

core::Result<bool> Events::raise_epoch(std::string_view event, int64_t from) {
  return changed("SELECT onsale_raise_epoch($1, $2)", Parameters{}.text(event).integer(from));
}

core::Error Events::store_head(std::string_view event, int64_t head) {
  auto answer = postgres_.query(
      "INSERT INTO event_heads AS h (event, head) VALUES ($1, $2) "
      "ON CONFLICT (event) DO UPDATE SET head = excluded.head WHERE h.head < excluded.head",
      Parameters{}.text(event).integer(head));
  return error_of(answer.outcome);
}

core::Result<bool> Events::try_lock_rebuild(std::string_view event) {
  return changed("SELECT pg_try_advisory_lock(hashtextextended($1, 7302))", Parameters{}.text(event));
}

core::Error Events::unlock_rebuild(std::string_view event) {
  auto answer = postgres_.query("SELECT pg_advisory_unlock(hashtextextended($1, 7302))", Parameters{}.text(event));
  return error_of(answer.outcome);
}

}  // namespace persist
