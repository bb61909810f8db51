#include "persist/orders.hpp"

#include "persist/events.hpp"
#include "persist/text_list.hpp"

namespace persist {
namespace {

constexpr std::string_view order_columns =
    "SELECT id, event, epoch, user_id, array_to_string(seats, ','), amount, currency, reference, "
    "(extract(epoch FROM decided_at) * 1000)::bigint, state, reason, refund_required FROM orders ";

Outcome state_of(std::string_view word) {
  if (word == name(Outcome::rejected)) return Outcome::rejected;
  return word == name(Outcome::cancelled) ? Outcome::cancelled : Outcome::confirmed;
}

OrderRow order_row(const Rows& rows, int row) {
  return {.order = {.event = std::string{rows.text(row, 1)},
                    .epoch = rows.integer(row, 2),
                    .order = std::string{rows.text(row, 0)},
                    .user = std::string{rows.text(row, 3)},
                    .seats = split(rows.text(row, 4)),
                    .amount = rows.integer(row, 5),
                    .currency = std::string{rows.text(row, 6)},
                    .reference = std::string{rows.text(row, 7)},
                    .decided_at_ms = rows.integer(row, 8)},
          .state = state_of(rows.text(row, 9)),
          .reason = std::string{rows.text(row, 10)},
          .refund_required = rows.boolean(row, 11)};
}

core::Result<std::vector<OrderRow>> load(Postgres& postgres, std::string_view where, std::string_view value) {
  auto answer = postgres.query(std::string{order_columns}.append(where), Parameters{}.text(value));
  if (!answer) return {{}, error_of(answer.outcome)};
  core::Result<std::vector<OrderRow>> result;
  for (int row = 0; row < answer.rows.count(); ++row) result.value.push_back(order_row(answer.rows, row));
  return result;
}

}  // namespace

core::Result<std::vector<OrderRow>> load_live_orders(Postgres& postgres, std::string_view event) {
  return load(postgres, "WHERE event = $1 AND state = 'confirmed' ORDER BY id", event);
}

core::Result<std::vector<OrderRow>> load_orders(Postgres& postgres, std::string_view event) {
  return load(postgres, "WHERE event = $1 ORDER BY id", event);
}

core::Result<std::optional<OrderRow>> find_order(Postgres& postgres, std::string_view order) {
  auto found = load(postgres, "WHERE id = $1", order);
  if (!found) return {{}, found.error};
  if (found.value.empty()) return {};
  return {std::move(found.value.front())};
}

core::Result<std::vector<PaymentRow>> load_payments(Postgres& postgres, std::string_view event) {
  auto answer = postgres.query(
      "SELECT reference, order_id, user_id, decision, currency, amount, refund_required FROM payments WHERE event = $1",
      Parameters{}.text(event));
  if (!answer) return {{}, error_of(answer.outcome)};
  core::Result<std::vector<PaymentRow>> result;
  for (int row = 0; row < answer.rows.count(); ++row) {
    const Rows& rows = answer.rows;
    result.value.push_back({std::string{rows.text(row, 0)}, std::string{rows.text(row, 1)},
                            std::string{rows.text(row, 2)}, std::string{rows.text(row, 3)},
                            std::string{rows.text(row, 4)}, rows.integer(row, 5), rows.boolean(row, 6)});
  }
  return result;
}

}  // namespace persist
