// Errors as clients see them: application/problem+json (RFC 9457) with the contract's stable machine word in `code`.
// Thread: any for the table, the loop's for problem().
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/text_buffer.hpp"
#include "net/wire/http_status.hpp"

namespace net {

struct Exchange;

enum class Code : uint8_t {
  bad_request,
  token_missing,
  token_invalid,
  token_expired,
  signature_invalid,
  not_admitted,
  admission_expired,
  blocked,
  challenge_required,
  not_found,
  event_not_found,
  hold_not_found,
  order_not_found,
  method_not_allowed,
  event_not_open,
  event_closed,
  event_on_sale,
  bad_transition,
  seat_taken,
  sold_out,
  hold_limit,
  hold_expired,
  extension_limit,
  payment_in_progress,
  stale_fence,
  amount_mismatch,
  already_paid,
  order_rejected,
  body_too_large,
  unsupported_media_type,
  idempotency_mismatch,
  rate_limited,
  headers_too_large,
  not_implemented,
  overloaded,
  frozen,
  backend_unavailable,
};
inline constexpr uint32_t codes = 37;

struct CodeEntry {
  Code code;
  Status status;
  std::string_view word;   // "seat_taken"
  std::string_view title;  // a short sentence for people
};
const CodeEntry& entry(Code code);
std::optional<Code> code_of(std::string_view word);

inline constexpr std::string_view problem_content_type = "application/problem+json";

// Appends the document. `more_members` is JSON that begins with a comma (`,"seats":["A-1-3"]`) or is empty.
void write_problem(core::TextBuffer& out, Code code, std::string_view detail, std::string_view more_members = {});

// Answers with the code's status. `more_headers`: whole fields, each with its CRLF. 429 and 503 get a Retry-After of
// 1 to 3 seconds, jittered so that refused clients do not come back together. Like respond(): once per request.
void problem(Exchange& exchange, Code code, std::string_view detail, std::string_view more_members = {},
             std::string_view more_headers = {});

}  // namespace net
