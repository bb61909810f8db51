#include "queue/verdict.hpp"

namespace queue {

Verdict Verdict::read(const net::resp::View& reply) {
  if (reply.is("stale")) return {Kind::stale, net::Code::frozen};
  const auto first = reply[0];
  if (first.kind() != net::resp::Kind::text) return {};
  const auto word = first.text();
  if (word == "ok") return {Kind::ok, {}};
  if (const auto code = net::code_of(word)) return {Kind::refused, *code};
  return {};
}

namespace {

net::Code code_for(core::Error error, const Verdict& verdict) {
  if (error == core::Error::overload) return net::Code::overloaded;
  if (error != core::Error::none || verdict.kind == Verdict::Kind::unknown) return net::Code::backend_unavailable;
  return verdict.code;
}

}  // namespace

std::string_view detail_of(net::Code code) {
  switch (code) {
    case net::Code::frozen:
      return "The state of this event is being rebuilt; ask again in a moment.";
    case net::Code::overloaded:
      return "More requests are under way than the server can bear; ask again in a moment.";
    case net::Code::backend_unavailable:
      return "The answer did not come in time; asking again is safe.";
    case net::Code::event_not_open:
      return "The event is not open.";
    case net::Code::event_closed:
      return "The event is closed.";
    case net::Code::not_admitted:
      return "It is not this user's turn.";
    case net::Code::admission_expired:
      return "The admission has run out; join the line again.";
    case net::Code::hold_not_found:
      return "This user has no such hold.";
    case net::Code::hold_expired:
      return "The hold has ended, and its seats are no longer free.";
    case net::Code::hold_limit:
      return "The user's holds and orders together would pass the limit of seats per user.";
    case net::Code::extension_limit:
      return "The hold cannot be extended again.";
    case net::Code::payment_in_progress:
      return "A payment for this hold is under way.";
    case net::Code::already_paid:
      return "The hold has been paid for.";
    case net::Code::idempotency_mismatch:

      return "This Idempotency-Key was used for a different request. Nothing was decided; use a key of its own.";
    case net::Code::sold_out:
      return "Not enough places are left.";
    default:
      return {};
  }
}

void respond_failure(net::Exchange& x, core::Error error, const Verdict& verdict, std::string_view more_headers) {
  const auto code = code_for(error, verdict);
  net::problem(x, code, detail_of(code), {}, more_headers);
}

}  // namespace queue
