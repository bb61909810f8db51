// The schema of the record (conf/schema.sql, embedded in the program): brought up to date by `onsaled --migrate`,
// checked before anything starts. Thread: any; each call has a connection of its own.
#pragma once
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace embedded {
extern const std::string_view schema_sql;
}

namespace persist {

inline constexpr int schema_version = 1;  // what this program needs; the last line of schema.sql says the same

// Idempotent, and two nodes may do it at once: all in one transaction under a lock.
core::Status migrate(const std::string& dsn);

// Fails with a sentence that says what to do when the schema is missing, older or newer.
core::Status check_schema(const std::string& dsn);

}  // namespace persist
