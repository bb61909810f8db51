// A blocking PostgreSQL connection for reading. After the first failure every call answers with no rows and problem()
// says what went wrong, so that a reader checks once at its end.
// Ownership: owns the connection; Rows own their result. Thread: one.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>

namespace crowd {

class Rows {
 public:
  explicit Rows(PGresult* result) : result_{result, PQclear} {}
  int count() const { return PQntuples(result_.get()); }
  std::string text(int row, int column) const { return PQgetvalue(result_.get(), row, column); }
  int64_t integer(int row, int column) const;
  bool boolean(int row, int column) const { return text(row, column) == "t"; }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

class Postgres {
 public:
  explicit Postgres(const std::string& dsn);
  void run(const char* command);
  Rows query(const char* query, const std::string& argument);     // $1 = argument
  int64_t count(const char* query, const std::string& argument);  // the first column of the first row, else 0
  const std::string& problem() const { return problem_; }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::string problem_;
};

}  // namespace crowd
