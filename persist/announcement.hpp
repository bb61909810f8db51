// What is said on Kafka, as the contract has it: orders and refunds from rows of PostgreSQL, seats and lines from the
// logs. Pure; the same row or entry always gives the same message, so a repetition has the same ce_id.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "persist/kafka_producer.hpp"
#include "persist/log_source.hpp"

namespace persist {

// A row of the outbox with what it is about: the order, for refund.required the payment.
struct OutboxRow {
  std::string id, type;  // ce_id; order.confirmed, order.rejected, order.cancelled, refund.required
  std::string order, event, user;
  std::vector<std::string> seats;  // of the order; empty for a payment that never had one
  int64_t amount = 0;
  std::string currency, reference;
  std::string reason;  // why rejected; why the money goes back
  bool refund_required = false;
  int64_t at_ms = 0;
};

Announcement announcement_of(const OutboxRow& row);
// `event.*` and `line.*` go to the line's topic by event, everything else to the inventory's by hold.
Announcement announcement_of(std::string_view event, const LogEntry& entry);

}  // namespace persist
