// Confirm: from a reported payment to an order.
//
// Where the process may die, or an answer be lost, and what then:
//   before confirm.lua            nothing happened; the client asks again
//   after it                      the order waits in the unrecorded set; the keeper of any node records it
//   after PostgreSQL's commit     the same: recording again answers what is recorded
//   after recorded.lua            the client asks again and is told what there is
// While the state is being rebuilt, or Redis is away, the step is repeated until the request's deadline: it is the
// same question by the same ids, so the answer is the same whichever attempt got through.
#include <array>

#include "core/ulid.hpp"
#include "net/sleep.hpp"
#include "seat/desk.hpp"

namespace seat {
namespace {

using net::resp::View;

constexpr int64_t retry_ms = 100;

// What may be different a moment later, and may be asked again.
bool passing(const core::Result<Confirmed>& confirmed) {
  if (confirmed.error == core::Error::overload || confirmed.error == core::Error::protocol) return false;
  return !confirmed || confirmed->verdict.stale() || confirmed->verdict.code_is(net::Code::frozen);
}

}  // namespace

bool Desk::read_payment(net::Exchange& x, Payment& payment) {
  payment.owned = owned(x);
  if (!payment.owned) return false;
  payment.key = key_of(x, payment.owned.user.view());
  if (payment.key.malformed) {
    respond_bad_key(x);
    return false;
  }
  payment.request = reader_.confirm(x.body());
  if (!payment.request.bad()) return true;
  net::problem(x, payment.request.code, payment.request.problem);
  return false;
}

ConfirmedAwait Desk::ask_confirm(const Payment& payment) {
  auto& event = *payment.owned.event;
  const auto& request = payment.request;
  const core::Digits amount{request.amount}, made_ms{core::ulid_ms(payment.owned.id.view()).value_or(0)};
  const bool currency_matches = request.currency.view() == event.definition().currency;
  const std::array<std::string_view, 10> item{payment.owned.id.view(),        payment.owned.user.view(),
                                              request.reference.view(),       amount.view(),
                                              request.currency.view(),        currency_matches ? "1" : "0",
                                              request.fence.view(),           payment.key.digest.view(),
                                              payment.key.fingerprint.view(), made_ms.view()};
  return ConfirmedAwait{
      [&](core::Continuation<View> sink) { return event.batch(queue::Decision::confirm).add(item, sink); }};
}

DecidedAwait Desk::record_order(const Payment& payment, const HoldRecord& record, int64_t wait_ms) {
  auto& event = *payment.owned.event;
  persist::Order order;
  order.event = event.id();
  order.epoch = payment.epoch;
  order.order = payment.owned.id.view();
  order.user = record.user;
  for (const auto seat : record.seats) order.seats.push_back(event.definition().seat_id(seat));
  order.amount = record.amount;
  order.currency = event.definition().currency;
  order.reference = record.reference;
  order.decided_at_ms = record.paid_at_ms;
  return DecidedAwait{[&](core::Continuation<persist::Recorded> waiter) {
    return recordings_.record(event, std::move(order), wait_ms, waiter);
  }};
}

DecidedAwait Desk::record_refusal(const Payment& payment, std::string_view decision, int64_t wait_ms) {
  auto& event = *payment.owned.event;
  persist::Refusal refusal;
  refusal.event = event.id();
  refusal.epoch = payment.epoch;
  refusal.reference = payment.request.reference.view();
  refusal.hold = payment.owned.id.view();
  refusal.user = payment.owned.user.view();
  refusal.amount = payment.request.amount;
  refusal.currency = payment.request.currency.view();
  refusal.decision = decision;
  refusal.decided_at_ms = loop_.wall_ms();
  return DecidedAwait{[&](core::Continuation<persist::Recorded> waiter) {
    return recordings_.record(event, std::move(refusal), wait_ms, waiter);
  }};
}

void Desk::respond_refusal(net::Exchange& x, net::Code code, bool refund_required, bool replayed) {
  net::problem(x, code,
               refund_required ? "This payment did not become an order; it has to be given back, and that is announced."
                               : "This payment did not become another order; there is nothing to give back.",
               refund_required ? ",\"refund_required\":true" : ",\"refund_required\":false",
               replayed ? "Idempotency-Replayed: true\r\n" : "");
}

void Desk::respond_order(net::Exchange& x, const HoldRecord& record, std::string_view id, const core::Event& event,
                         bool recorded, bool replayed) {
  auto& body = x.scratch();
  queue::Json json{body};
  json.begin_object().member("order", id).member("state", recorded ? "confirmed" : "pending");
  json.member("durable", recorded ? "postgres" : "redis").key("seats").begin_array();
  for (const auto seat : record.seats) json.text(event.seat_id(seat));
  json.end_array().member("amount", record.amount).member("currency", event.currency).end_object();
  x.respond(recorded ? net::Status::created : net::Status::accepted, body.view(), queue::json_type,
            replayed ? "Idempotency-Replayed: true\r\n" : "");
}

void Desk::respond_recorded(net::Exchange& x, const Payment& payment, const Confirmed& confirmed, bool recorded) {
  respond_order(x, *confirmed.record, payment.owned.id.view(), payment.owned.event->definition(), recorded,
                confirmed.replayed);
}

core::Async Desk::confirm(net::Exchange& x) {
  Payment payment;
  if (!read_payment(x, payment)) co_return;
  const int64_t deadline_ms = loop_.now_ms() + settings_.confirm_ms_max;
  for (;;) {
    payment.epoch = payment.owned.event->definition().epoch;
    const auto confirmed = co_await ask_confirm(payment);
    const auto wait_ms = std::max<int64_t>(1, deadline_ms - loop_.now_ms());
    if (passing(confirmed) && wait_ms > retry_ms && !hurried_) {
      line_.raise_if_stale(confirmed->verdict);
      co_await net::Sleep{loop_, retry_ms};
      continue;
    }
    if (confirmed && confirmed->about_money) {
      const auto code = confirmed->verdict.code;
      if (!confirmed->refund_required) co_return respond_refusal(x, code, false, confirmed->replayed);
      // Kept in Redis already; recorded before the answer when that is possible in time. PostgreSQL's word on the
      // refund counts: it may know this payment from before Redis forgot it.
      const auto refused = co_await record_refusal(payment, net::entry(code).word, wait_ms);
      const bool decided = refused && refused->recorded.outcome == persist::Outcome::refused;
      co_return respond_refusal(x, code, !decided || refused->recorded.refund_required, confirmed->replayed);
    }
    if (!confirmed || !confirmed->verdict.ok()) co_return line_.fail(x, confirmed.error, confirmed->verdict);
    const auto& record = *confirmed->record;
    if (!record.fits(payment.owned.event->definition().seat_count)) co_return line_.fail(x, core::Error::protocol, {});
    if (record.state == 'R') co_return respond_recorded(x, payment, confirmed.value, true);
    const auto decided = co_await record_order(payment, record, wait_ms);
    if (!decided) co_return respond_recorded(x, payment, confirmed.value, false);
    switch (decided->recorded.outcome) {
      case persist::Outcome::confirmed:
        co_return respond_recorded(x, payment, confirmed.value, true);
      case persist::Outcome::stale_epoch:
        break;  // Redis has to say again what it knows
      default:
        co_return respond_refusal(x, net::Code::order_rejected, decided->recorded.refund_required, confirmed->replayed);
    }
    if (loop_.now_ms() + retry_ms >= deadline_ms || hurried_)
      co_return net::problem(x, net::Code::frozen, queue::detail_of(net::Code::frozen));
    co_await net::Sleep{loop_, retry_ms};
  }
}

}  // namespace seat
