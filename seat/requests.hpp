// Request bodies of the seat routes, read and judged: what is wrong is said by naming the member.
// Unknown members are ignored. No allocation once the parser is warm.
// Ownership: a Reader belongs to a core; what it returns are values. Thread: the loop's.
#pragma once
#include <simdjson.h>

#include <cstdint>
#include <string_view>

#include "core/event.hpp"
#include "core/fixed_text.hpp"
#include "core/ulid.hpp"
#include "net/exchange.hpp"
#include "net/problem.hpp"
#include "seat/seat_list.hpp"

namespace seat {

struct BadRequest {
  net::Code code = net::Code::bad_request;
  core::FixedText<256> detail;  // empty: nothing is wrong
  bool bad() const { return !detail.empty(); }
};

// POST …/holds: named seats, or places of a standing section.
struct HoldRequest {
  BadRequest problem;
  SeatList seats;                          // named seats; empty for places
  const core::Section* section = nullptr;  // places of this standing section; else null
  int64_t quantity = 0;
  int64_t amount = 0;  // named seats: of all together; places: of one
  // What hold.lua takes for it: "12,13", or "g:<section index>:<base>:<places>:<quantity>".
  SeatList::Text wanted(const core::Event& event) const;
};

using HoldId = core::FixedText<core::ulid_bytes>;

// POST …/confirm
struct ConfirmRequest {
  BadRequest problem;
  core::FixedText<core::limits::reference_bytes_max> reference;
  core::FixedText<3> currency;
  int64_t amount = 0;
  core::FixedText<20> fence;  // digits; empty when the request has none
};

class RequestReader {
 public:
  RequestReader();
  HoldRequest hold(net::Exchange& x, const core::Event& event);
  ConfirmRequest confirm(net::Exchange& x);

 private:
  bool object(net::Exchange& x, simdjson::dom::object& body, BadRequest& problem);
  simdjson::dom::parser parser_;
};

// Idempotency-Key, reduced to what the scripts keep: who used which key, and for what.
struct IdempotencyKey {
  bool malformed = false;
  core::FixedText<22> digest;       // of user and key; empty when the request has no key
  core::FixedText<22> fingerprint;  // of the request
};
IdempotencyKey idempotency_key(net::Exchange& x, std::string_view user);

}  // namespace seat
