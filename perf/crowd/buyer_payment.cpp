// A buyer paying: reporting the payment once, twice at a time, or into a connection that dies, until an answer is
// there; then asking whether the answer still stands.
#include <fmt/format.h>

#include <algorithm>

#include "perf/crowd/buyer.hpp"

namespace crowd {

Task<std::optional<Buyer::Visit>> Buyer::pay(HoldAnswer hold) {
  Payment payment;
  payment.reference = fmt::format("pay-{}-{}-{}", sale_.event.id, number_, ++payments_);
  payment.hold = hold.hold;
  payment.user = session_.user();
  payment.seats = hold.seats;
  payment.amount = hold.amount;
  const std::string key = fresh_key();
  sale_.ledger.report(payment);
  OrderAnswer answer = co_await report_payment(payment, key);
  sale_.ledger.told(payment.reference, answer);
  if (answer.status == 202) co_await follow_pending(payment);
  const auto state = sale_.ledger.payment(payment.reference).state;
  if (state == PaymentState::confirmed) {
    co_await check_afterwards(payment, key);
    co_return Visit::ordered;
  }
  const bool open_end = state == PaymentState::pending || state == PaymentState::unanswered;
  if (open_end) co_return Visit::unfinished;  // the stores tell how it ended
  habits_.pays_late = false;
  co_return std::nullopt;  // refused: look at what is left
}

Task<OrderAnswer> Buyer::report_payment(Payment payment, std::string key) {
  OrderAnswer answer;
  if (habits_.loses_connection) {
    bool sent = co_await session_.confirm_and_drop(payment, key);
    co_await think(0, 200);
    answer = co_await session_.confirm(sent ? Step::confirm_again : Step::confirm, Tab::first, payment, key);
  } else if (habits_.double_clicks) {
    answer = co_await confirm_twice(payment, key);
  } else {
    answer = co_await session_.confirm(Step::confirm, Tab::first, payment, key);
  }
  co_return co_await ask_until_answered(payment, key, answer);
}

// Money is at stake: whoever got no answer, or was told to come back, asks again, also after the sale's time is over.
Task<OrderAnswer> Buyer::ask_until_answered(Payment payment, std::string key, OrderAnswer answer) {
  constexpr int attempts_max = 60;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    const bool answered = answer.status != 0 && answer.status != 429 && answer.status < 500;
    if (answered) break;
    const auto wait_ms = static_cast<int64_t>(std::max(0.25, answer.retry_after_s) * 1000);
    co_await sleep_until(Clock::now() + milliseconds{wait_ms});
    answer = co_await session_.confirm(Step::confirm_again, Tab::first, payment, key);
  }
  co_return answer;
}

Task<OrderAnswer> Buyer::confirm_twice(Payment payment, std::string key) {
  Branch<OrderAnswer> other{sale_.context, session_.confirm(Step::confirm_again, Tab::second, payment, key)};
  OrderAnswer first = co_await session_.confirm(Step::confirm, Tab::first, payment, key);
  OrderAnswer second = co_await other.join();
  if (second.status != 0) sale_.ledger.told(payment.reference, second);
  co_return first.status != 0 ? first : second;
}

Task<> Buyer::follow_pending(Payment payment) {
  constexpr int looks_max = 100;
  for (int look = 0; look < looks_max; ++look) {
    co_await sleep_until(Clock::now() + milliseconds{300});
    OrderAnswer answer = co_await session_.order(payment.hold);
    sale_.ledger.told_later(payment.reference, answer);
    if (sale_.ledger.payment(payment.reference).state != PaymentState::pending) co_return;
  }
}

// An order that was confirmed stays so, whoever asks and however often.
Task<> Buyer::check_afterwards(Payment payment, std::string key) {
  if (habits_.confirms_again) {
    OrderAnswer again = co_await session_.confirm(Step::confirm_again, Tab::second, payment, key);
    if (again.status != 0 && again.status < 500) sale_.ledger.told(payment.reference, again);
  }
  if (!habits_.looks_again) co_return;
  OrderAnswer seen = co_await session_.order(payment.hold);
  if (seen.status == 404) {
    sale_.ledger.violation(fmt::format("order {} was confirmed and is not found", payment.hold));
  }
  sale_.ledger.told_later(payment.reference, seen);
  HoldAnswer hold = co_await session_.look(Step::hold_get, payment.hold);
  if (hold.status == 200 && hold.state != "confirmed") {
    sale_.ledger.violation(fmt::format("hold {} is ordered and reads '{}'", payment.hold, hold.state));
  }
  MeAnswer me = co_await session_.me();
  const bool listed = std::find(me.orders.begin(), me.orders.end(), payment.hold) != me.orders.end();
  if (me.status == 200 && !listed) {
    sale_.ledger.violation(fmt::format("order {} is missing from its buyer's own page", payment.hold));
  }
}

}  // namespace crowd
