#include "queue/credentials.hpp"

#include "core/event.hpp"

namespace queue {
namespace {

using core::TokenStatus;
using core::TokenType;

using CookieName = core::FixedText<core::limits::event_bytes_max + 24>;

CookieName cookie_name(TokenType type, std::string_view event) {
  CookieName name{type == TokenType::ticket ? std::string_view{"onsale_ticket_"} : "onsale_admission_"};
  name.append(event);
  return name;
}

Presented read(std::string_view text, const core::EventTokens& tokens, int64_t now_s) {
  const auto verified = tokens.verify(text, now_s);
  if (!verified.authentic()) return {.code = net::Code::token_invalid};
  return {.found = true, .code = {}, .token = verified.token, .expired = verified.status == TokenStatus::expired};
}

Presented from_cookie(net::Exchange& x, TokenType type, const core::EventTokens& tokens, std::string_view event) {
  const auto text = x.cookie(cookie_name(type, event).view()).value_or(std::string_view{});
  if (text.empty()) return {};
  auto presented = read(text, tokens, x.loop().wall_ms() / 1000);
  if (!presented.found || presented.token.type != type) return {};
  return presented;
}

Presented any_token(net::Exchange& x, TokenType preferred, const core::EventTokens& tokens, std::string_view event) {
  if (x.header_count("authorization") > 1) return {.code = net::Code::token_invalid};
  if (const auto text = x.bearer(); !text.empty()) return read(text, tokens, x.loop().wall_ms() / 1000);
  auto presented = from_cookie(x, preferred, tokens, event);
  if (presented.found) return presented;
  return from_cookie(x, preferred == TokenType::ticket ? TokenType::admission : TokenType::ticket, tokens, event);
}

Presented refused(net::Code code) { return {.code = code}; }

}  // namespace

// The cookie of an admission is no bad ticket: a browser sends all it has.
Presented presented_ticket(net::Exchange& x, const core::EventTokens& tokens, std::string_view event) {
  auto presented = any_token(x, TokenType::ticket, tokens, event);
  if (presented.found && presented.token.type != TokenType::ticket && x.bearer().empty()) return {};
  if (!presented.found) return presented;
  if (presented.token.type != TokenType::ticket) return refused(net::Code::token_invalid);
  return presented.expired ? refused(net::Code::token_expired) : presented;
}

Presented presented_admission(net::Exchange& x, const core::EventTokens& tokens, std::string_view event) {
  auto presented = any_token(x, TokenType::admission, tokens, event);
  if (!presented.found) return presented;
  if (presented.token.type != TokenType::admission) return refused(net::Code::not_admitted);
  return presented.expired ? refused(net::Code::admission_expired) : presented;
}

Presented presented_owner(net::Exchange& x, const core::EventTokens& tokens, std::string_view event) {
  return any_token(x, TokenType::ticket, tokens, event);
}

std::optional<core::Token> earlier_admission(net::Exchange& x, const core::EventTokens& tokens, std::string_view event,
                                             int64_t epoch) {
  if (epoch <= 1) return std::nullopt;  // nothing was ever rebuilt
  auto presented = x.bearer().empty() ? Presented{} : read(x.bearer(), tokens, x.loop().wall_ms() / 1000);
  if (!presented.found || presented.token.type != TokenType::admission)
    presented = from_cookie(x, TokenType::admission, tokens, event);
  if (!presented.found || presented.expired || presented.token.epoch >= epoch) return std::nullopt;
  return presented.token;
}

namespace {

// The user a trusted proxy names; empty when there is none to believe.
std::string_view vouched_user(net::Exchange& x, const IdentitySettings& settings) {
  if (settings.mode != IdentitySettings::Mode::header) return {};
  const auto user = x.header(settings.header);
  if (user.empty() || !net::contains(settings.trusted_proxies, x.peer())) return {};
  return user;
}

Caller unknown(net::Code code, std::string_view detail) {
  Caller caller;
  caller.code = code;
  caller.detail = detail;
  return caller;
}

Caller known(std::string_view user) {
  Caller caller;
  caller.known = true;
  caller.user.assign(user);
  return caller;
}

Caller of_ticket(const core::Token& ticket) {
  auto caller = known(ticket.user());
  caller.ticket_number = ticket.number;
  caller.ticket_epoch = ticket.epoch;
  return caller;
}

}  // namespace

Caller identify(net::Exchange& x, const core::EventTokens& tokens, std::string_view event,
                const IdentitySettings& settings, core::UlidGenerator& ids) {
  const auto user = vouched_user(x, settings);
  // A proxy that adds its header without removing the client's would let anybody be anybody.
  if (!user.empty() && x.header_count(settings.header) != 1)
    return unknown(net::Code::bad_request, "The identity header must be there once; the proxy has to replace it.");
  if (!user.empty() && !core::valid_user(user)) {
    return unknown(net::Code::bad_request,
                   "The user id in the identity header must be 1 to 64 characters of A-Z a-z 0-9 . _ : @ -");
  }
  const auto ticket = presented_ticket(x, tokens, event);
  if (!ticket.found && ticket.code == net::Code::token_invalid) {
    return unknown(ticket.code, "The bearer token is no ticket of this event.");
  }
  if (ticket.found && !user.empty() && ticket.token.user() != user) {
    return unknown(net::Code::token_invalid, "The ticket belongs to another user than the one who asks.");
  }
  if (ticket.found) return of_ticket(ticket.token);
  if (!user.empty()) return known(user);
  if (settings.mode == IdentitySettings::Mode::anonymous) {
    core::FixedText<64> minted{"anon-"};
    minted.append(ids.next(x.loop().wall_ms()).view());
    return known(minted.view());
  }
  return unknown(ticket.code, "Joining needs an identity: the header a trusted proxy sets, or a ticket.");
}

void respond_credential(net::Exchange& x, net::Code code) {
  switch (code) {
    case net::Code::token_missing:
      return net::problem(x, code, "Send the token as `Authorization: Bearer` or in the event's cookie.");
    case net::Code::token_expired:
      return net::problem(x, code, "The token has expired; join the line again.");
    case net::Code::not_admitted:
      return net::problem(x, code, "This needs an admission, not a ticket: poll the line until it is the user's turn.");
    case net::Code::admission_expired:
      return net::problem(x, code, "The admission has run out; join the line again.");
    default:
      return net::problem(x, net::Code::token_invalid, "The token is not one of this event, or was changed.");
  }
}

}  // namespace queue
