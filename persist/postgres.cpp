#include "persist/postgres.hpp"

#include <poll.h>

#include <cerrno>
#include <charconv>

#include "core/assert.hpp"
#include "core/hash.hpp"
#include "core/time.hpp"

namespace persist {
namespace {

constexpr unsigned oid_bigint = 20, oid_text = 25, oid_bigint_array = 1016, oid_text_array = 1009;
constexpr int binary = 1;
constexpr std::string_view no_answer = "no answer from PostgreSQL in time";

void append_big_endian(std::string& out, uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// The wire form of an array: dimensions, has-nulls, element type; then size and lower bound of the one dimension.
std::string array_head(unsigned element, std::size_t count) {
  std::string out;
  append_big_endian(out, count == 0 ? 0 : 1, 4);
  append_big_endian(out, 0, 4);
  append_big_endian(out, element, 4);
  if (count == 0) return out;
  append_big_endian(out, count, 4);
  append_big_endian(out, 1, 4);
  return out;
}

std::string first_line(const char* text) {
  std::string_view all{text ? text : ""};
  return std::string{all.substr(0, all.find('\n'))};
}

std::string statement_name(std::string_view statement) { return "s" + std::to_string(core::fnv1a(statement)); }

}  // namespace

Sql classify(std::string_view sqlstate) {
  if (sqlstate == "23505") return Sql::conflict;
  const std::string_view kind = sqlstate.substr(0, 2);
  // 22 data exception, 23 integrity, 54 program limit (a row too large for its index).
  if (kind == "22" || kind == "23" || kind == "54") return Sql::unacceptable;
  // Everything else is about the server (08, 53, 57, 58, XX), the moment (40, 55), the role, a standby or a schema that
  // is not there (25, 28, 3D, 42): no row is to blame, and the server can be put right while we wait.
  return Sql::retry;
}

Parameters& Parameters::text(std::string_view value) {
  values_.push_back({oid_text, value, {}});
  return *this;
}

Parameters& Parameters::integer(int64_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<uint64_t>(value), 8);
  values_.push_back({oid_bigint, {}, std::move(bytes)});
  return *this;
}

Parameters& Parameters::texts(std::span<const std::string_view> values) {
  std::string bytes = array_head(oid_text, values.size());
  for (std::string_view value : values) {
    append_big_endian(bytes, value.size(), 4);
    bytes.append(value);
  }
  values_.push_back({oid_text_array, {}, std::move(bytes)});
  return *this;
}

Parameters& Parameters::integers(std::span<const int64_t> values) {
  std::string bytes = array_head(oid_bigint, values.size());
  for (int64_t value : values) {
    append_big_endian(bytes, 8, 4);
    append_big_endian(bytes, static_cast<uint64_t>(value), 8);
  }
  values_.push_back({oid_bigint_array, {}, std::move(bytes)});
  return *this;
}

std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

int64_t Rows::integer(int row, int column) const {
  const std::string_view digits = text(row, column);
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

int64_t Rows::affected() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

void Postgres::close() {
  link_.reset();
  prepared_.clear();
}

core::Status Postgres::connect() {
  close();
  // What stands before dbname can be overridden by the dsn. A server that vanished is noticed by the deadlines below;
  // tcp_user_timeout also frees the kernel's side.
  const char* const names[] = {"fallback_application_name", "tcp_user_timeout", "client_encoding", "dbname", nullptr};
  const char* const values[] = {"onsale", "10000", "UTF8", settings_.dsn.c_str(), nullptr};
  link_.reset(PQconnectStartParams(names, values, 1));
  if (!link_) return {"out of memory"};
  if (auto status = poll_connect(core::monotonic_ms() + settings_.connect_ms_max); !status) {
    close();
    return status;
  }
  PQsetNoticeProcessor(
      link_.get(), [](void*, const char*) {}, nullptr);
  PQsetnonblocking(link_.get(), 1);
  const int64_t server_ms_max = settings_.statement_ms_max - settings_.statement_ms_max / 10;
  auto answer = script(
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
      "SET lock_timeout = 0; SET statement_timeout = " +
      std::to_string(server_ms_max));
  if (answer) return {};
  close();
  return {answer.problem};
}

core::Status Postgres::poll_connect(int64_t deadline_ms) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(link_.get()) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    if (!wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms)) return {std::string{no_answer}};
    state = PQconnectPoll(link_.get());
  }
  if (state == PGRES_POLLING_OK) return {};
  std::string problem = first_line(PQerrorMessage(link_.get()));
  return {problem.empty() ? "cannot connect to PostgreSQL" : problem};
}

bool Postgres::wait(short events, int64_t deadline_ms) {
  for (;;) {
    const int64_t left_ms = deadline_ms - core::monotonic_ms();
    if (left_ms <= 0) return false;
    pollfd waiting{PQsocket(link_.get()), events, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left_ms));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Sends what libpq has queued. Reads meanwhile: a server that cannot send its answer stops taking our bytes.
bool Postgres::flush(int64_t deadline_ms) {
  for (;;) {
    const int left = PQflush(link_.get());
    if (left == 0) return true;
    if (left < 0 || !wait(POLLIN | POLLOUT, deadline_ms) || PQconsumeInput(link_.get()) == 0) return false;
  }
}

SqlAnswer Postgres::lost() {
  SqlAnswer answer{{}, Sql::unknown, first_line(PQerrorMessage(link_.get()))};
  if (answer.problem.empty()) answer.problem = no_answer;
  close();
  return answer;
}

// The last result of what was sent; the first error wins.
SqlAnswer Postgres::collect() {
  const int64_t deadline_ms = core::monotonic_ms() + settings_.statement_ms_max;
  if (!flush(deadline_ms)) return lost();
  SqlAnswer answer{{}, Sql::done, {}};
  for (;;) {
    while (PQisBusy(link_.get()) != 0)
      if (!wait(POLLIN, deadline_ms) || PQconsumeInput(link_.get()) == 0) return lost();
    PGresult* result = PQgetResult(link_.get());
    if (result == nullptr) break;
    Rows rows{result};
    const ExecStatusType status = PQresultStatus(result);
    const bool good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (good && answer) answer.rows = std::move(rows);
    if (good || !answer) continue;
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    answer = {{}, sqlstate ? classify(sqlstate) : Sql::unknown, first_line(PQresultErrorMessage(result))};
  }
  if (PQstatus(link_.get()) == CONNECTION_OK) return answer;
  // The server said why it goes away (57P01) and went, or it just went: either way the commit's fate is open.
  if (answer || answer.outcome == Sql::retry) answer.outcome = Sql::unknown;
  close();
  return answer;
}

SqlAnswer Postgres::script(const std::string& statements) {
  if (!connected()) return {{}, Sql::unavailable, "not connected to PostgreSQL"};
  if (PQsendQuery(link_.get(), statements.c_str()) == 0) return lost();
  return collect();
}

SqlAnswer Postgres::prepare(const std::string& statement, const Parameters& parameters) {
  std::vector<Oid> types;
  for (const auto& value : parameters.values_) types.push_back(value.type);
  if (PQsendPrepare(link_.get(), statement_name(statement).c_str(), statement.c_str(), static_cast<int>(types.size()),
                    types.data()) == 0)
    return lost();
  auto answer = collect();
  if (answer) prepared_.insert(statement);
  return answer;
}

SqlAnswer Postgres::query(std::string_view statement, const Parameters& parameters) {
  if (!connected()) return {{}, Sql::unavailable, "not connected to PostgreSQL"};
  const std::string text{statement};
  if (!prepared_.contains(text))
    if (auto answer = prepare(text, parameters); !answer) return answer;
  std::vector<const char*> values;
  std::vector<int> sizes, formats(parameters.values_.size(), binary);
  for (const auto& value : parameters.values_) {
    const std::string_view bytes = value.bytes.empty() ? value.view : std::string_view{value.bytes};
    values.push_back(bytes.data() ? bytes.data() : "");
    sizes.push_back(static_cast<int>(bytes.size()));
  }
  if (PQsendQueryPrepared(link_.get(), statement_name(text).c_str(), static_cast<int>(values.size()), values.data(),
                          sizes.data(), formats.data(), 0) == 0)
    return lost();
  return collect();
}

}  // namespace persist
