#include "perf/crowd/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/assert.hpp"

namespace crowd {
namespace {

bool same_seats(std::vector<std::string> left, std::vector<std::string> right) {
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  return left == right;
}

}  // namespace

std::string_view name(PaymentState state) {
  switch (state) {
    case PaymentState::unanswered:
      return "unanswered";
    case PaymentState::pending:
      return "pending";
    case PaymentState::confirmed:
      return "confirmed";
    case PaymentState::refused:
      return "refused";
    case PaymentState::rejected:
      return "rejected";
  }
  return "unanswered";
}

void Ledger::report(Payment payment) {
  auto reference = payment.reference;
  auto [at, fresh] = payments_.emplace(reference, std::move(payment));
  ONSALE_ASSERT(fresh);
}

void Ledger::told(const std::string& reference, const OrderAnswer& answer) {
  auto& payment = payments_.at(reference);
  if (answer.status == 0) return;
  if (answer.status >= 200 && answer.status < 300) {
    if (answer.order != payment.hold) {
      violation(fmt::format("confirm of hold {} answered order '{}'", payment.hold, answer.order));
    }
    if (answer.state == "confirmed") return confirm(payment, answer);
    if (answer.status == 202) return settle(payment, PaymentState::pending);
    violation(fmt::format("confirm of hold {} answered {} with state '{}'", payment.hold, answer.status, answer.state));
  } else if (answer.status == 409) {
    refuse(payment, answer);
  } else if (answer.status < 500 && answer.status != 429) {
    violation(fmt::format("payment {} was shut out with {} {}", reference, answer.status, answer.code));
  }
}

void Ledger::told_later(const std::string& reference, const OrderAnswer& answer) {
  auto& payment = payments_.at(reference);
  if (answer.status != 200) return;
  if (answer.state == "confirmed") return confirm(payment, answer);
  if (answer.state == "pending") {
    // Unlike the answers to two clicks, this question was asked after the answer was there.
    if (payment.state == PaymentState::confirmed) violation(fmt::format("order {} is pending again", payment.hold));
    return settle(payment, PaymentState::pending);
  }
  if (answer.state == "rejected") {
    payment.refund_required = answer.refund_required;
    return settle(payment, PaymentState::rejected);
  }
  violation(fmt::format("order {} is in state '{}'", payment.hold, answer.state));
}

void Ledger::confirm(Payment& payment, const OrderAnswer& answer) {
  if (!answer.durable.empty() && answer.durable != "postgres") {
    violation(fmt::format("order {} is confirmed but durable in '{}'", payment.hold, answer.durable));
  }
  if (!answer.seats.empty() && !same_seats(answer.seats, payment.seats)) {
    violation(fmt::format("order {} has other seats than its hold", payment.hold));
  }
  settle(payment, PaymentState::confirmed);
}

void Ledger::refuse(Payment& payment, const OrderAnswer& answer) {
  payment.code = answer.code;
  payment.refund_required = answer.refund_required;
  settle(payment, answer.code == "order_rejected" ? PaymentState::rejected : PaymentState::refused);
}

// Confirmed, refused and rejected are final; pending is overtaken by any of them, also when its answer arrives late.
void Ledger::settle(Payment& payment, PaymentState state) {
  const auto before = payment.state;
  if (before == state) return;
  const bool final_before = before != PaymentState::unanswered && before != PaymentState::pending;
  if (final_before && state == PaymentState::pending) return;
  if (final_before) {
    violation(fmt::format("order {} was told {} and later {}", payment.hold, name(before), name(state)));
    return;
  }
  payment.state = state;
  if (state != PaymentState::confirmed) return;
  ++orders_confirmed_;
  for (const auto& seat : payment.seats) {
    auto [owner, fresh] = owners_.emplace(seat, payment.hold);
    if (fresh) continue;
    ++seats_promised_twice_;
    violation(fmt::format("seat {} was confirmed to order {} and to order {}", seat, owner->second, payment.hold));
  }
}

}  // namespace crowd
