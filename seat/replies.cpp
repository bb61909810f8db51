#include "seat/replies.hpp"

#include <array>
#include <utility>

#include "core/ulid.hpp"

namespace seat {
namespace {

// The fields of a hold.lua answer, from a reply's elements or from the text kept under an Idempotency-Key.
using HeldFields = std::array<std::string_view, 6>;

bool read_number(int64_t& out, std::string_view digits) {
  const auto number = net::resp::parse_number(digits);
  out = number.value_or(0);
  return number.has_value();
}

bool read_held(Held& held, const HeldFields& fields) {
  const auto code = fields[0];
  if (code == "ok" || code == "own") {
    held.verdict = {queue::Verdict::Kind::ok, {}};
    held.own = code == "own";
    if (!core::valid_ulid(fields[1])) return false;
    held.hold.assign(fields[1]);
    return read_number(held.deadline_ms, fields[2]) && read_number(held.extensions_left, fields[3]) &&
           held.seats.parse(fields[4]) && held.seats.size() > 0 && read_number(held.amount, fields[5]);
  }
  const auto refusal = net::code_of(code);
  if (!refusal) return false;
  held.verdict = queue::Verdict::refused(*refusal);
  return code != "seat_taken" || held.seats.parse(fields[1]);
}

HeldFields split(std::string_view text) {
  HeldFields fields;
  for (auto& field : fields) {
    const auto end = std::min(text.find(';'), text.size());
    field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

bool concerns_money(net::Code code) {
  switch (code) {
    case net::Code::hold_expired:
    case net::Code::stale_fence:
    case net::Code::already_paid:
    case net::Code::amount_mismatch:
    case net::Code::order_rejected:
      return true;
    default:
      return false;
  }
}

// A word that neither the script nor the contract knows is no answer.
template <class Reply>
core::Result<Reply> judged(Reply reply) {
  if (reply.verdict.kind == queue::Verdict::Kind::unknown) return {{}, core::Error::protocol};
  return {std::move(reply)};
}

}  // namespace

core::Result<Held> Held::decode(const net::resp::View& reply) noexcept {
  Held held;
  if (reply.is("stale")) {
    held.verdict = queue::Verdict::read(reply);
    return {held};
  }
  held.replayed = reply[0].is("replayed");
  HeldFields fields;
  if (held.replayed) {
    fields = split(reply[1].text());
  } else {
    std::size_t at = 0;
    for (const auto element : reply)
      if (at < fields.size()) fields[at++] = element.text();
  }
  if (!read_held(held, fields)) return {{}, core::Error::protocol};
  return {held};
}

core::Result<Found> Found::decode(const net::resp::View& reply) noexcept {
  Found found;
  found.verdict = queue::Verdict::read(reply);
  if (!found.verdict.ok()) return judged(std::move(found));
  found.record = HoldRecord::parse(reply[1].text());
  const auto now_ms = reply[2].number();
  if (!found.record || !now_ms) return {{}, core::Error::protocol};
  found.now_ms = *now_ms;
  found.replayed = reply[3].number() == 1;
  return {std::move(found)};
}

core::Result<Released> Released::decode(const net::resp::View& reply) noexcept {
  return judged(Released{queue::Verdict::read(reply), reply[1].number() == 1});
}

core::Result<Mine> Mine::decode(const net::resp::View& reply) noexcept {
  Mine mine;
  mine.verdict = queue::Verdict::read(reply);
  if (!mine.verdict.ok()) return judged(std::move(mine));
  const auto now_ms = reply[1].number();
  if (!now_ms || reply.size() % 2 != 0) return {{}, core::Error::protocol};
  mine.now_ms = *now_ms;
  for (uint32_t at = 2; at < reply.size(); at += 2) {
    auto record = HoldRecord::parse(reply[at + 1].text());
    if (!record) return {{}, core::Error::protocol};
    mine.records.emplace_back(std::string{reply[at].text()}, std::move(*record));
  }
  return {std::move(mine)};
}

core::Result<Confirmed> Confirmed::decode(const net::resp::View& reply) noexcept {
  Confirmed confirmed;
  confirmed.verdict = queue::Verdict::read(reply);
  confirmed.replayed = reply[2].number() == 1;
  if (confirmed.verdict.ok()) {
    confirmed.record = HoldRecord::parse(reply[1].text());
    if (!confirmed.record) return {{}, core::Error::protocol};
  } else if (confirmed.verdict.kind == queue::Verdict::Kind::refused && concerns_money(confirmed.verdict.code)) {
    confirmed.about_money = true;
    const auto refund = reply[1].number();
    if (!refund || *refund < 0 || *refund > 1) return {{}, core::Error::protocol};
    confirmed.refund_required = refund == 1;
  }
  return judged(std::move(confirmed));
}

}  // namespace seat
