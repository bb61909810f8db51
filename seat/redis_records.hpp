// The packed values of an event's hashes in Redis, as the scripts write them: a hold, a user, a refused payment.
//
// Grammar (';' separates; no field but the last of a hold contains it):
//   hold     state;user;deadline_ms;extensions_left;amount;fence;seats;paid_at_ms;reason;reference
//            (paid_at_ms is empty until it is paid; here 0)
//   user     status;seats;orders;holds
//   payment  decision;hold;user;amount;currency
//   seats    seat indexes "12,13"      holds    hold ids, comma separated
// parse() refuses anything else, so that a record nobody understands is reported instead of guessed.
// Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seat {

struct HoldRecord {
  // H held, P paying, C confirmed but unrecorded, R recorded, L released, E expired, J rejected, X cancelled
  char state = 'H';
  std::string user;
  int64_t deadline_ms = 0, extensions_left = 0, amount = 0, fence = 0;
  std::vector<uint32_t> seats;
  int64_t paid_at_ms = 0;
  std::string reason, reference;

  // Whether an event of so many seats can have it: a record that was damaged must not be taken at its word.
  bool fits(uint32_t seat_count) const;
  bool live_hold() const { return state == 'H' || state == 'P'; }
  bool live_order() const { return state == 'C' || state == 'R'; }
  static std::optional<HoldRecord> parse(std::string_view text);
  std::string text() const;
  bool operator==(const HoldRecord&) const = default;
};

struct UserRecord {
  char status = '-';               // - none, d done, e expired, l left
  int64_t seats = 0;               // in live holds and orders
  int64_t orders = 0;              // made in this admission
  std::vector<std::string> holds;  // ids of live holds and orders

  static std::optional<UserRecord> parse(std::string_view text);
  std::string text() const;
  bool operator==(const UserRecord&) const = default;
};

struct PaymentRecord {
  std::string decision, hold, user;
  int64_t amount = 0;
  std::string currency;

  static std::optional<PaymentRecord> parse(std::string_view text);
  std::string text() const;
  bool operator==(const PaymentRecord&) const = default;
};

// "12,13" <-> {12, 13}; nothing for anything that is not a list of numbers.
std::optional<std::vector<uint32_t>> parse_seats(std::string_view text);
std::string seats_text(const std::vector<uint32_t>& seats);

}  // namespace seat
