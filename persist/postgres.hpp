// A connection to PostgreSQL: libpq with deadlines, binary parameters and errors sorted by what to do about them.
//
// Statements are text with $1..$n; each distinct text is prepared once a connection, so connect straight to the server
// or through a pooler that keeps sessions. Ownership: owns its connection; Rows own their result.
// Thread: one; every call blocks until the answer is there or the deadline passed.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/error.hpp"

namespace persist {

// What became of a statement.
enum class Sql : uint8_t {
  done,
  unavailable,   // not connected: nothing was sent
  unknown,       // the connection was lost or the deadline passed after sending: it may or may not have been done
  retry,         // rolled back for reasons outside the statement: again later
  conflict,      // rolled back: a key is taken
  unacceptable,  // rolled back: these data cannot be stored, now or later
};
// Of a five-character SQLSTATE. What no person can do anything about by changing the data is `retry`.
Sql classify(std::string_view sqlstate);

// Values for $1..$n in binary form, so that no byte needs escaping. Texts are views: they must live until the query
// has returned; arrays are copied.
class Parameters {
 public:
  Parameters& text(std::string_view value);
  Parameters& integer(int64_t value);
  Parameters& texts(std::span<const std::string_view> values);  // text[]
  Parameters& integers(std::span<const int64_t> values);        // bigint[]

 private:
  friend class Postgres;
  struct Value {
    unsigned type;          // OID
    std::string_view view;  // used while `bytes` is empty
    std::string bytes;
  };
  std::vector<Value> values_;
};

// Rows and columns count from 0.
class Rows {
 public:
  Rows() = default;
  explicit Rows(PGresult* result) : result_{result} {}
  int count() const { return PQntuples(result_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string_view text(int row, int column) const;  // empty when null; dies with the rows
  int64_t integer(int row, int column) const;        // 0 when null
  bool boolean(int row, int column) const { return text(row, column) == "t"; }
  int64_t affected() const;  // of INSERT, UPDATE, DELETE

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

struct [[nodiscard]] SqlAnswer {
  Rows rows;
  Sql outcome = Sql::unavailable;
  std::string problem;  // what the server or libpq said; empty when done
  explicit operator bool() const { return outcome == Sql::done; }
};

class Postgres {
 public:
  struct Settings {
    std::string dsn;
    int64_t connect_ms_max = 5000;
    int64_t statement_ms_max = 10'000;  // the server gives up by itself a little earlier
  };
  explicit Postgres(Settings settings) : settings_{std::move(settings)} {}

  // Opens a new connection (and closes the old one). Commits wait for the disk on it whatever the role's default is.
  core::Status connect();
  bool connected() const { return link_ != nullptr && PQstatus(link_.get()) == CONNECTION_OK; }
  void close();

  // One statement.
  SqlAnswer query(std::string_view statement, const Parameters& parameters = {});
  // One or more statements without parameters, as one transaction unless they say otherwise; the last one's rows.
  SqlAnswer script(const std::string& statements);

 private:
  struct Finish {
    void operator()(PGconn* link) const { PQfinish(link); }
  };
  core::Status poll_connect(int64_t deadline_ms);
  bool wait(short events, int64_t deadline_ms);  // false: the deadline passed
  bool flush(int64_t deadline_ms);
  SqlAnswer prepare(const std::string& statement, const Parameters& parameters);
  SqlAnswer collect();
  SqlAnswer lost();

  Settings settings_;
  std::unique_ptr<PGconn, Finish> link_;
  std::unordered_set<std::string> prepared_;
};

}  // namespace persist
