#include "seat/replies.hpp"

#include <array>
#include <charconv>

namespace seat {
namespace {

int64_t number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The fields of a hold.lua answer, from a reply's elements or from the text kept under an Idempotency-Key.
using Fields = std::array<std::string_view, 6>;

bool read_held(Held& held, const Fields& fields) {
  const auto code = fields[0];
  if (code == "ok" || code == "own") {
    if (fields[1].size() != core::ulid_bytes) return false;
    held.verdict = {queue::Verdict::Kind::ok, {}};
    held.own = code == "own";
    held.hold.assign(fields[1]);
    held.deadline_ms = number(fields[2]);
    held.extensions_left = number(fields[3]);
    held.amount = number(fields[5]);
    return held.seats.parse(fields[4]);
  }
  const auto refusal = net::code_of(code);
  if (!refusal) return false;
  held.verdict = queue::Verdict::refused(*refusal);
  return code != "seat_taken" || held.seats.parse(fields[1]);
}

Fields split(std::string_view text) {
  Fields fields;
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

}  // namespace

core::Result<Held> Held::decode(const net::resp::View& reply) noexcept {
  Held held;
  if (reply.is("stale")) {
    held.verdict = queue::Verdict::read(reply);
    return {held};
  }
  held.replayed = reply[0].is("replayed");
  Fields fields;
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
  if (!found.verdict.ok()) return {found};
  found.record = HoldRecord::parse(reply[1].text());
  found.now_ms = reply[2].number().value_or(0);
  if (!found.record) return {{}, core::Error::protocol};
  return {std::move(found)};
}

core::Result<Mine> Mine::decode(const net::resp::View& reply) noexcept {
  Mine mine;
  mine.verdict = queue::Verdict::read(reply);
  if (!mine.verdict.ok()) return {mine};
  mine.now_ms = reply[1].number().value_or(0);
  for (uint32_t at = 2; at + 1 < reply.size(); at += 2) {
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
    confirmed.refund_required = reply[1].number() == 1;
  }
  return {std::move(confirmed)};
}

}  // namespace seat
