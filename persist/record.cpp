#include "persist/record.hpp"

#include <optional>
#include <utility>

#include "core/assert.hpp"
#include "core/json_writer.hpp"
#include "core/limits.hpp"
#include "persist/dead_letters.hpp"
#include "persist/text_list.hpp"

namespace persist {
namespace {

// The columns of a batch; each becomes one array parameter. Reserved once, filled row by row.
struct Columns {
  std::vector<std::string_view> ids, users, currencies, references, decisions, seats;
  std::vector<int64_t> amounts, decided_at_ms;
  std::vector<std::string> joined;  // what `seats` points into
};

template <class Row>
void add_common(Columns& columns, const Row& row) {
  columns.users.push_back(row.user);
  columns.amounts.push_back(row.amount);
  columns.currencies.push_back(row.currency);
  columns.references.push_back(row.reference);
  columns.decided_at_ms.push_back(row.decided_at_ms);
}

Columns columns_of(std::span<const Order* const> group) {
  Columns columns;
  columns.joined.reserve(group.size());
  for (const Order* order : group) {
    columns.ids.push_back(order->order);
    columns.joined.push_back(join(order->seats));
    columns.seats.push_back(columns.joined.back());
    add_common(columns, *order);
  }
  return columns;
}

Columns columns_of(std::span<const Refusal* const> group) {
  Columns columns;
  for (const Refusal* refusal : group) {
    columns.ids.push_back(refusal->hold);
    columns.decisions.push_back(refusal->decision);
    add_common(columns, *refusal);
  }
  return columns;
}

Parameters order_parameters(const Order& first, const Columns& columns, std::optional<std::string_view> reason) {
  Parameters parameters;
  parameters.text(first.event).integer(first.epoch);
  if (reason) parameters.text(*reason);
  parameters.texts(columns.ids).texts(columns.users).texts(columns.seats).integers(columns.amounts);
  parameters.texts(columns.currencies).texts(columns.references).integers(columns.decided_at_ms);
  return parameters;
}

Parameters refusal_parameters(const Refusal& first, const Columns& columns) {
  Parameters parameters;
  parameters.text(first.event).integer(first.epoch).texts(columns.references).texts(columns.ids).texts(columns.users);
  parameters.integers(columns.amounts).texts(columns.currencies).texts(columns.decisions);
  parameters.integers(columns.decided_at_ms);
  return parameters;
}

Outcome outcome_of(std::string_view word) {
  using enum Outcome;
  for (auto outcome : {confirmed, rejected, cancelled, refused, stale_epoch})
    if (word == name(outcome)) return outcome;
  return Outcome::unavailable;
}

}  // namespace

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::confirmed:
      return "confirmed";
    case Outcome::rejected:
      return "rejected";
    case Outcome::cancelled:
      return "cancelled";
    case Outcome::refused:
      return "refused";
    case Outcome::stale_epoch:
      return "stale_epoch";
    case Outcome::unavailable:
      return "unavailable";
  }
  return "unknown";
}

core::Error Recorder::ready() {
  if (postgres_.connected()) return core::Error::none;
  auto status = postgres_.connect();
  if (status) return core::Error::none;
  trouble(status.problem);
  return core::Error::unavailable;
}

// One line when trouble begins and one when it is over: in between the writers try every second.
void Recorder::trouble(std::string_view problem) {
  if (std::exchange(well_, false)) log_.warning("postgres_cannot_record", {{"problem", problem}});
}

core::Error Recorder::failed(const SqlAnswer& answer) {
  trouble(answer.problem);
  return answer.outcome == Sql::unknown ? core::Error::closed : core::Error::unavailable;
}

void Recorder::take(const SqlAnswer& answer, std::span<Recorded> out) {
  ONSALE_ASSERT(answer.rows.count() == static_cast<int>(out.size()));
  for (int row = 0; row < answer.rows.count(); ++row) {
    Recorded& recorded = out[static_cast<std::size_t>(row)];
    recorded.outcome = outcome_of(answer.rows.text(row, 0));
    recorded.reason = answer.rows.text(row, 1);
    recorded.refund_required = answer.rows.boolean(row, 2);
    recorded.conflicts = split(answer.rows.text(row, 3));
  }
}

core::Error Recorder::write_orders(Group<Order> group, std::span<Recorded> out, std::string_view reason) {
  const Columns columns = columns_of(group);
  const Order& first = *group.front();
  SqlAnswer answer;
  if (reason.empty()) {
    answer = postgres_.query("SELECT onsale_record_orders($1,$2,$3,$4,$5,$6,$7,$8,$9)",
                             order_parameters(first, columns, std::nullopt));
    if (answer) {
      const bool done = answer.rows.boolean(0, 0);
      for (auto& recorded : out) recorded.outcome = done ? Outcome::confirmed : Outcome::stale_epoch;
      return core::Error::none;
    }
  }
  if (!reason.empty() || answer.outcome == Sql::conflict) {
    ++figures_.careful;
    answer = postgres_.query("SELECT * FROM onsale_record_orders_with_care($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
                             order_parameters(first, columns, reason));
  }
  if (answer) {
    take(answer, out);
    return core::Error::none;
  }
  return halve<Order>(
      group, out, [&](auto half, auto part) { return write_orders(half, part, reason); }, answer);
}

core::Error Recorder::write_refusals(Group<Refusal> group, std::span<Recorded> out) {
  const auto answer = postgres_.query("SELECT * FROM onsale_record_refusals($1,$2,$3,$4,$5,$6,$7,$8,$9)",
                                      refusal_parameters(*group.front(), columns_of(group)));
  if (answer) {
    take(answer, out);
    return core::Error::none;
  }
  return halve<Refusal>(
      group, out, [&](auto half, auto part) { return write_refusals(half, part); }, answer);
}

// A failed batch: again later, or in halves until the row that PostgreSQL cannot take is alone and can be put aside.
template <class Row, class Write>
core::Error Recorder::halve(Group<Row> group, std::span<Recorded> out, Write write, const SqlAnswer& why) {
  if (why.outcome != Sql::unacceptable && why.outcome != Sql::conflict) return failed(why);
  if (group.size() == 1) {
    out.front() = {Outcome::unavailable, std::string{reason_dead_letter}, false, {}};
    return put_aside(*group.front(), why.problem);
  }
  const std::size_t middle = group.size() / 2;
  if (auto error = write(group.first(middle), out.first(middle)); error != core::Error::none) return error;
  return write(group.subspan(middle), out.subspan(middle));
}

template <class Row, class Write>
core::Result<std::vector<Recorded>> Recorder::each_group(std::span<const Row> rows, Write write) {
  if (auto error = ready(); error != core::Error::none) return {{}, error};
  core::Result<std::vector<Recorded>> result;
  result.value.resize(rows.size());
  for (const auto& group : groups_of(rows, core::limits::writer_batch_orders_max)) {
    std::vector<Recorded> answers(group.size());
    if (auto error = write(Group<Row>{group}, std::span{answers}); error != core::Error::none) return {{}, error};
    ++figures_.transactions;
    if (!std::exchange(well_, true)) log_.info("postgres_records_again");
    for (std::size_t at = 0; at < group.size(); ++at) {
      ++figures_.recorded;
      figures_.rejected += answers[at].outcome == Outcome::rejected ? 1 : 0;
      figures_.stale += answers[at].outcome == Outcome::stale_epoch ? 1 : 0;
      result.value[static_cast<std::size_t>(group[at] - rows.data())] = std::move(answers[at]);
    }
  }
  return result;
}

core::Result<std::vector<Recorded>> Recorder::record(std::span<const Order> orders) {
  return each_group(orders, [this](auto group, auto out) { return write_orders(group, out, {}); });
}

core::Result<std::vector<Recorded>> Recorder::reject(std::span<const Order> orders, std::string_view reason) {
  ONSALE_ASSERT(!reason.empty());
  return each_group(orders, [this, reason](auto group, auto out) { return write_orders(group, out, reason); });
}

core::Result<std::vector<Recorded>> Recorder::record(std::span<const Refusal> refusals) {
  return each_group(refusals, [this](auto group, auto out) { return write_refusals(group, out); });
}

core::Error Recorder::put_aside(const Order& order, std::string_view problem) {
  std::string payload;
  core::JsonWriter json{payload};
  json.begin_object().member("order", printable(order.order)).member("user", printable(order.user));
  json.member("seats", printable(join(order.seats))).member("amount", order.amount);
  json.member("currency", printable(order.currency)).member("reference", printable(order.reference));
  json.member("epoch", order.epoch).member("decided_at_ms", order.decided_at_ms).end_object();
  return dead_letter({"order", order.order, order.event, payload, problem});
}

core::Error Recorder::put_aside(const Refusal& refusal, std::string_view problem) {
  std::string payload;
  core::JsonWriter json{payload};
  json.begin_object().member("reference", printable(refusal.reference)).member("hold", printable(refusal.hold));
  json.member("user", printable(refusal.user)).member("amount", refusal.amount);
  json.member("currency", printable(refusal.currency)).member("decision", printable(refusal.decision));
  json.member("epoch", refusal.epoch).member("decided_at_ms", refusal.decided_at_ms).end_object();
  return dead_letter({"refusal", refusal.reference, refusal.event, payload, problem});
}

core::Error Recorder::dead_letter(const DeadLetter& letter) {
  ++figures_.dead_letters;
  auto answer = put_dead_letter(postgres_, log_, letter);
  return answer ? core::Error::none : failed(answer);
}

}  // namespace persist
