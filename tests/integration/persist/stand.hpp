// What the tests of this folder share: one PostgreSQL for the program, a migrated database with an event for each test,
// and rows to record. Thread: main.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "persist/postgres.hpp"
#include "persist/record.hpp"
#include "persist/schema.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"

namespace stand {

fixtures::PostgresServer& server();  // one for the program
inline const core::Log quiet{{.level = core::LogLevel::error}};
inline const core::Log silent{{.fd = -1}};

// A database of the test's own with the schema and the event "gala" of epoch 1.
class Database {
 public:
  Database() : dsn_{server().database()} {
    REQUIRE(persist::migrate(dsn_).problem == "");
    sql("INSERT INTO events (id, definition) VALUES ('gala', '{}')");
  }
  const std::string& dsn() const { return dsn_; }
  fixtures::PostgresServer::Rows sql(const std::string& statement) const {
    return fixtures::PostgresServer::execute(dsn_, statement);
  }
  std::string value(const std::string& statement) const { return sql(statement).at(0).at(0); }
  persist::Recorder recorder(const core::Log& log = quiet) const { return {{.dsn = dsn_}, log}; }

 private:
  std::string dsn_;
};

inline persist::Order order(const std::string& id, std::vector<std::string> seats, const std::string& reference = "") {
  return {.event = "gala",
          .epoch = 1,
          .order = id,
          .user = "user-" + id,
          .seats = std::move(seats),
          .amount = 15400,
          .currency = "KRW",
          .reference = reference.empty() ? "pay-" + id : reference,
          .decided_at_ms = 1'795'000'000'123};
}

inline persist::Refusal refusal(const std::string& reference, const std::string& hold, const std::string& decision) {
  return {.event = "gala",
          .epoch = 1,
          .reference = reference,
          .hold = hold,
          .user = "user-" + hold,
          .amount = 15400,
          .currency = "KRW",
          .decision = decision,
          .decided_at_ms = 1'795'000'000'123};
}

}  // namespace stand
