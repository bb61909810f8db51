// Request bodies of the seat routes, read and judged: what is wrong is said by naming the member.
// Unknown members are ignored. A good request allocates nothing once the reader is warm.
// Ownership: a RequestReader belongs to a core; what it returns are values, but for the view of a problem.
// Thread: the loop's.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "core/event.hpp"
#include "core/fixed_text.hpp"
#include "core/json_reader.hpp"
#include "core/ulid.hpp"
#include "net/problem.hpp"
#include "seat/seat_list.hpp"

namespace seat {

// Whether a request can be understood.
struct Judgement {
  net::Code code = net::Code::bad_request;
  std::string_view problem;  // empty: nothing is wrong; lives until the reader reads the next request
  bool bad() const { return !problem.empty(); }
};

// POST …/holds: named seats, or places of a standing section. Nothing of it points into the definition, which may be
// replaced while a handler waits.
struct HoldRequest : Judgement {
  SeatList::Text wanted;  // what hold.lua takes: "12,13", or "g:<section index>:<base>:<places>:<quantity>"
  int64_t amount = 0;     // named seats: of all together; places: of one
};

using HoldId = core::FixedText<core::ulid_bytes>;

// POST …/confirm
struct ConfirmRequest : Judgement {
  core::FixedText<core::limits::reference_bytes_max> reference;
  core::FixedText<3> currency;
  int64_t amount = 0;
  core::FixedText<20> fence;  // digits; empty when the request has none
};

class RequestReader {
 public:
  HoldRequest hold(std::string_view body, const core::Event& event);
  ConfirmRequest confirm(std::string_view body);

 private:
  void read_seats(HoldRequest& request, const core::Event& event);
  void read_places(HoldRequest& request, const core::Event& event);
  core::JsonReader json_;
};

// Idempotency-Key, reduced to what the scripts keep: who used which key, and for what.
struct IdempotencyKey {
  bool malformed = false;
  core::FixedText<22> digest;       // of user and key; empty when the request has no key
  core::FixedText<22> fingerprint;  // of the request
};
// `header` is the field's value, quoted or not; empty when there is none.
IdempotencyKey idempotency_key(std::string_view header, std::string_view user, std::string_view path,
                               std::string_view body);

}  // namespace seat
