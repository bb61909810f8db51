#include "net/problem.hpp"

#include <algorithm>
#include <array>

#include "core/assert.hpp"
#include "core/json_writer.hpp"
#include "net/exchange.hpp"
#include "net/server.hpp"

namespace net {

namespace {

constexpr std::array<CodeEntry, codes> table{{
    {Code::bad_request, Status::bad_request, "bad_request", "The request is malformed"},
    {Code::token_missing, Status::unauthorized, "token_missing", "A token is needed"},
    {Code::token_invalid, Status::unauthorized, "token_invalid", "The token is not valid"},
    {Code::token_expired, Status::unauthorized, "token_expired", "The token has expired"},
    {Code::signature_invalid, Status::unauthorized, "signature_invalid", "The signature is not valid"},
    {Code::not_admitted, Status::forbidden, "not_admitted", "Not admitted yet"},
    {Code::admission_expired, Status::forbidden, "admission_expired", "The admission has expired"},
    {Code::blocked, Status::forbidden, "blocked", "Blocked"},
    {Code::challenge_required, Status::forbidden, "challenge_required", "A challenge must be solved first"},
    {Code::not_found, Status::not_found, "not_found", "There is nothing here"},
    {Code::event_not_found, Status::not_found, "event_not_found", "No such event"},
    {Code::hold_not_found, Status::not_found, "hold_not_found", "No such hold"},
    {Code::order_not_found, Status::not_found, "order_not_found", "No such order"},
    {Code::method_not_allowed, Status::method_not_allowed, "method_not_allowed", "The method is not allowed here"},
    {Code::event_not_open, Status::conflict, "event_not_open", "The event is not open"},
    {Code::event_closed, Status::conflict, "event_closed", "The event is closed"},
    {Code::event_on_sale, Status::conflict, "event_on_sale", "The event is on sale"},
    {Code::bad_transition, Status::conflict, "bad_transition", "The event cannot go there from its state"},
    {Code::seat_taken, Status::conflict, "seat_taken", "Not all of the seats are free"},
    {Code::sold_out, Status::conflict, "sold_out", "Nothing is left"},
    {Code::hold_limit, Status::conflict, "hold_limit", "The limit of seats for one user is reached"},
    {Code::hold_expired, Status::conflict, "hold_expired", "The hold has expired"},
    {Code::extension_limit, Status::conflict, "extension_limit", "The hold cannot be extended again"},
    {Code::payment_in_progress, Status::conflict, "payment_in_progress", "A payment is in progress"},
    {Code::stale_fence, Status::conflict, "stale_fence", "A newer payment attempt has begun"},
    {Code::amount_mismatch, Status::conflict, "amount_mismatch", "The amount is not the one of the hold"},
    {Code::already_paid, Status::conflict, "already_paid", "The order is paid already"},
    {Code::order_rejected, Status::conflict, "order_rejected", "The order was rejected"},
    {Code::body_too_large, Status::payload_too_large, "body_too_large", "The body is too large"},
    {Code::unsupported_media_type, Status::unsupported_media_type, "unsupported_media_type", "The body must be JSON"},
    {Code::idempotency_mismatch, Status::unprocessable, "idempotency_mismatch", "The key was used for another request"},
    {Code::rate_limited, Status::too_many_requests, "rate_limited", "Too many requests"},
    {Code::headers_too_large, Status::headers_too_large, "headers_too_large", "The header fields are too large"},
    {Code::not_implemented, Status::not_implemented, "not_implemented", "Not supported"},
    {Code::overloaded, Status::unavailable, "overloaded", "The server is busy"},
    {Code::frozen, Status::unavailable, "frozen", "The event is frozen for a moment"},
    {Code::backend_unavailable, Status::unavailable, "backend_unavailable", "A backend cannot be reached"},
}};

constexpr bool in_order() {
  for (std::size_t at = 0; at < table.size(); ++at) {
    if (static_cast<std::size_t>(table[at].code) != at) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by code");

}  // namespace

const CodeEntry& entry(Code code) { return table[static_cast<std::size_t>(code)]; }

std::optional<Code> code_of(std::string_view word) {
  auto found = std::find_if(table.begin(), table.end(), [&](const CodeEntry& each) { return each.word == word; });
  return found == table.end() ? std::nullopt : std::optional{found->code};
}

void write_problem(core::TextBuffer& out, Code code, std::string_view detail, std::string_view more_members) {
  ONSALE_ASSERT(more_members.empty() || more_members.front() == ',');
  const auto& known = entry(code);
  core::JsonWriter json{out};
  json.begin_object().key("type");
  out.append("\"urn:onsale:problem:"), out.append(known.word), out.append("\",");
  json.member("title", known.title).member("status", static_cast<int>(known.status)).member("detail", detail);
  json.member("code", known.word);
  out.append(more_members);
  json.end_object();
}

void problem(Exchange& exchange, Code code, std::string_view detail, std::string_view more_members,
             std::string_view more_headers) {
  auto document = exchange.server().problem_document(code, detail, more_members, more_headers);
  exchange.respond(entry(code).status, document.body, problem_content_type, document.more_headers);
}

}  // namespace net
