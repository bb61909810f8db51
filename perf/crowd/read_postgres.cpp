// The record as PostgreSQL has it, read with libpq in one snapshot.
#include <libpq-fe.h>

#include <cstdlib>
#include <memory>

#include "perf/crowd/evidence.hpp"
#include "perf/crowd/postgres.hpp"

namespace crowd {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < list.size();) {
    auto comma = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

void read_orders(Postgres& postgres, const std::string& event, PostgresEvidence& evidence) {
  auto rows = postgres.query(
      "SELECT id, user_id, state, reference, array_to_string(seats, ','), amount, refund_required FROM orders"
      " WHERE event = $1",
      event);
  for (int row = 0; row < rows.count(); ++row) {
    evidence.orders.push_back({.id = rows.text(row, 0),
                               .user = rows.text(row, 1),
                               .state = rows.text(row, 2),
                               .reference = rows.text(row, 3),
                               .seats = split(rows.text(row, 4)),
                               .amount = rows.integer(row, 5),
                               .refund_required = rows.boolean(row, 6)});
  }
}

void read_seats(Postgres& postgres, const std::string& event, PostgresEvidence& evidence) {
  auto rows = postgres.query("SELECT seat, order_id FROM order_seats WHERE event = $1", event);
  for (int row = 0; row < rows.count(); ++row) evidence.seats.push_back({rows.text(row, 0), rows.text(row, 1)});
}

void read_payments(Postgres& postgres, const std::string& event, PostgresEvidence& evidence) {
  auto rows =
      postgres.query("SELECT reference, decision, order_id, refund_required FROM payments WHERE event = $1", event);
  for (int row = 0; row < rows.count(); ++row) {
    evidence.payments.push_back({rows.text(row, 0), rows.text(row, 1), rows.text(row, 2), rows.boolean(row, 3)});
  }
}

}  // namespace

core::Checked<PostgresEvidence> read_postgres(const std::string& dsn, const std::string& event) {
  Postgres postgres{dsn};
  PostgresEvidence evidence;
  postgres.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  read_orders(postgres, event, evidence);
  read_seats(postgres, event, evidence);
  read_payments(postgres, event, evidence);
  evidence.dead_letters = postgres.count("SELECT count(*) FROM dead_letters WHERE event = $1", event);
  postgres.run("COMMIT");
  if (!postgres.problem().empty()) return core::Checked<PostgresEvidence>::failed("PostgreSQL: " + postgres.problem());
  return evidence;
}

}  // namespace crowd
