#include "seat/redis_records.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace seat {
namespace {

// Takes fields off the front of a record; one failure makes the whole record unreadable.
class Fields {
 public:
  Fields(std::string_view text, char separator) : rest_{text}, separator_{separator} {}
  std::string_view next() {
    const auto end = rest_.find(separator_);
    if (end == std::string_view::npos) return last();
    const auto field = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return field;
  }
  // Everything that is left, separators included; more fields after it are a failure.
  std::string_view last() {
    if (finished_) good_ = false;
    finished_ = true;
    return std::exchange(rest_, {});
  }
  char letter() {
    const auto field = next();
    if (field.size() != 1) good_ = false;
    return field.empty() ? '?' : field.front();
  }
  template <class Number>
  Number number() {
    return read<Number>(next());
  }
  int64_t number_or_nothing() {  // nothing is 0
    const auto field = next();
    return field.empty() ? 0 : read<int64_t>(field);
  }
  bool more() const { return !finished_; }
  bool good() const { return good_ && finished_; }

 private:
  template <class Number>
  Number read(std::string_view field) {
    Number value = 0;
    const auto end = field.data() + field.size();
    const auto result = std::from_chars(field.data(), end, value);
    if (field.empty() || result.ec != std::errc{} || result.ptr != end) good_ = false;
    return value;
  }
  std::string_view rest_;
  char separator_;
  bool finished_ = false, good_ = true;
};

}  // namespace

std::optional<std::vector<uint32_t>> parse_seats(std::string_view text) {
  std::vector<uint32_t> seats;
  if (text.empty()) return seats;
  Fields fields{text, ','};
  while (fields.more()) seats.push_back(fields.number<uint32_t>());
  if (!fields.good()) return std::nullopt;
  return seats;
}

std::string seats_text(const std::vector<uint32_t>& seats) { return fmt::format("{}", fmt::join(seats, ",")); }

std::optional<HoldRecord> HoldRecord::parse(std::string_view text) {
  Fields fields{text, ';'};
  HoldRecord record;
  record.state = fields.letter();
  record.user = fields.next();
  record.deadline_ms = fields.number<int64_t>();
  record.extensions_left = fields.number<int64_t>();
  record.amount = fields.number<int64_t>();
  record.fence = fields.number<int64_t>();
  auto seats = parse_seats(fields.next());
  record.paid_at_ms = fields.number_or_nothing();
  record.reason = fields.next();
  record.reference = fields.last();
  const bool known = std::string_view{"HPCRLEJX"}.find(record.state) != std::string_view::npos;
  if (!fields.good() || !seats || !known) return std::nullopt;
  record.seats = std::move(*seats);
  return record;
}

bool HoldRecord::fits(uint32_t seat_count) const {
  return std::ranges::all_of(seats, [&](uint32_t seat) { return seat < seat_count; });
}

std::string HoldRecord::text() const {
  return fmt::format("{};{};{};{};{};{};{};{};{};{}", state, user, deadline_ms, extensions_left, amount, fence,
                     seats_text(seats), paid_at_ms ? std::to_string(paid_at_ms) : "", reason, reference);
}

std::optional<UserRecord> UserRecord::parse(std::string_view text) {
  Fields fields{text, ';'};
  UserRecord record;
  record.status = fields.letter();
  record.seats = fields.number<int64_t>();
  record.orders = fields.number<int64_t>();
  const auto holds = fields.next();
  if (!fields.good()) return std::nullopt;
  for (Fields ids{holds, ','}; !holds.empty() && ids.more();) record.holds.emplace_back(ids.next());
  return record;
}

std::string UserRecord::text() const {
  return fmt::format("{};{};{};{}", status, seats, orders, fmt::join(holds, ","));
}

std::optional<PaymentRecord> PaymentRecord::parse(std::string_view text) {
  Fields fields{text, ';'};
  PaymentRecord record;
  record.decision = fields.next();
  record.hold = fields.next();
  record.user = fields.next();
  record.amount = fields.number<int64_t>();
  record.currency = fields.last();
  if (!fields.good()) return std::nullopt;
  return record;
}

std::string PaymentRecord::text() const {
  return fmt::format("{};{};{};{};{}", decision, hold, user, amount, currency);
}

}  // namespace seat
