// What PostgreSQL has about an event, for the rebuild of Redis from it. Ownership: borrows a connection; the result is
// the caller's. Thread: that of the connection; calls block. A hall of 100 000 seats is some 20 MB and half a second.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "persist/postgres.hpp"
#include "persist/record.hpp"

namespace persist {

// A decided order; `seats` of a rejected or cancelled one are those it wanted, and others may have them.
struct OrderRow {
  Order order;
  Outcome state = Outcome::confirmed;  // confirmed, rejected, cancelled
  std::string reason;
  bool refund_required = false;
};

struct PaymentRow {
  std::string reference, hold, user, decision, currency;
  int64_t amount = 0;
  bool refund_required = false;
};

// Errors as in persist/events.hpp.
core::Result<std::vector<OrderRow>> load_live_orders(Postgres& postgres, std::string_view event);  // confirmed only
core::Result<std::vector<OrderRow>> load_orders(Postgres& postgres, std::string_view event);       // all
core::Result<std::optional<OrderRow>> find_order(Postgres& postgres, std::string_view order);
core::Result<std::vector<PaymentRow>> load_payments(Postgres& postgres, std::string_view event);

}  // namespace persist
