#include "persist/schema.hpp"

#include "persist/postgres.hpp"

namespace persist {
namespace {

constexpr std::string_view what_to_do = "run `onsaled --migrate` with the same configuration";

}  // namespace

core::Status migrate(const std::string& dsn) {
  Postgres postgres{{.dsn = dsn, .statement_ms_max = 60'000}};
  if (auto status = postgres.connect(); !status) return {"PostgreSQL: " + status.problem};
  // CREATE IF NOT EXISTS of two sessions at once can still collide in the catalogue, hence the lock.
  auto answer =
      postgres.script("BEGIN; SELECT pg_advisory_xact_lock(7301, 0);" + std::string{embedded::schema_sql} + "; COMMIT");
  if (answer) return {};
  return {"the schema could not be brought up to date: " + answer.problem};
}

core::Status check_schema(const std::string& dsn) {
  Postgres postgres{{.dsn = dsn}};
  if (auto status = postgres.connect(); !status) return {"PostgreSQL: " + status.problem};
  auto exists = postgres.query("SELECT to_regclass('schema_version') IS NOT NULL");
  if (!exists) return {"PostgreSQL: " + exists.problem};
  if (!exists.rows.boolean(0, 0)) return {"the database has no onsale schema: " + std::string{what_to_do}};
  auto answer = postgres.query("SELECT coalesce(max(version), 0) FROM schema_version");
  if (!answer) return {"PostgreSQL: " + answer.problem};
  const int64_t found = answer.rows.integer(0, 0);
  const std::string versions = "the database has schema version " + std::to_string(found) + ", this program needs " +
                               std::to_string(schema_version);
  if (found < schema_version) return {versions + ": " + std::string{what_to_do}};
  if (found > schema_version) return {versions + ": use a program at least as new as the one that migrated it"};
  return {};
}

}  // namespace persist
