#include "perf/crowd/postgres.hpp"

#include <cstdlib>

namespace crowd {

int64_t Rows::integer(int row, int column) const { return std::strtoll(text(row, column).c_str(), nullptr, 10); }

Postgres::Postgres(const std::string& dsn) : connection_{PQconnectdb(dsn.c_str()), PQfinish} {
  if (PQstatus(connection_.get()) != CONNECTION_OK) problem_ = PQerrorMessage(connection_.get());
}

void Postgres::run(const char* command) {
  if (!problem_.empty()) return;
  Rows result{PQexec(connection_.get(), command)};
  if (PQtransactionStatus(connection_.get()) == PQTRANS_INERROR) problem_ = PQerrorMessage(connection_.get());
}

Rows Postgres::query(const char* query, const std::string& argument) {
  if (!problem_.empty()) return Rows{PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK)};
  const char* values[] = {argument.c_str()};
  auto* result = PQexecParams(connection_.get(), query, 1, nullptr, values, nullptr, nullptr, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) problem_ = PQerrorMessage(connection_.get());
  return Rows{result};
}

int64_t Postgres::count(const char* query, const std::string& argument) {
  Rows rows = this->query(query, argument);
  return rows.count() > 0 ? rows.integer(0, 0) : 0;
}

}  // namespace crowd
