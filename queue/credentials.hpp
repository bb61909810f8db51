// Who is asking: the tokens a request carries, and the identity a merchant's proxy vouches for.
//
// A token is looked for in `Authorization: Bearer`, then in the event's cookie. A bearer token that is not good is an
// error, a cookie that is not good is as if it were not there (browsers keep cookies of past sales).
// Thread: the loop's. Views are legal until the handler's first suspension; a Caller copies what it keeps.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fixed_text.hpp"
#include "core/limits.hpp"
#include "core/token.hpp"
#include "core/ulid.hpp"
#include "net/address.hpp"
#include "net/exchange.hpp"
#include "net/loop.hpp"
#include "net/problem.hpp"

namespace queue {

using UserId = core::FixedText<core::limits::user_bytes_max>;

struct IdentitySettings {
  enum class Mode : uint8_t { header, anonymous };
  Mode mode = Mode::header;
  std::string header = "Onsale-User";
  std::vector<net::Cidr> trusted_proxies;  // who may name the user in the header
};

// The outcome of looking for a token: `token` is meaningful when `found`, else `code` says what to answer.
struct Presented {
  bool found = false;
  net::Code code = net::Code::token_missing;
  core::Token token{};
  bool expired = false;
};

// A ticket in force.
Presented presented_ticket(net::Exchange& x, const core::EventTokens& tokens, std::string_view event);
// An admission in force: needed for the map and for new holds.
Presented presented_admission(net::Exchange& x, const core::EventTokens& tokens, std::string_view event);
// A ticket or an admission with a good signature, expired or not: money is never shut out.
Presented presented_owner(net::Exchange& x, const core::EventTokens& tokens, std::string_view event);

// An admission in force that was given in an earlier epoch: Redis may have forgotten it.
std::optional<core::Token> earlier_admission(net::Exchange& x, const core::EventTokens& tokens, std::string_view event,
                                             int64_t epoch);

// Who joins: a user and the ticket's place, if there is one.
struct Caller {
  bool known = false;
  net::Code code = net::Code::token_missing;
  std::string_view detail;
  UserId user;
  int64_t ticket_number = 0, ticket_epoch = 0;
};

Caller identify(net::Exchange& x, const core::EventTokens& tokens, std::string_view event,
                const IdentitySettings& settings, core::UlidGenerator& ids);

// Answers a request whose credential is missing or not good.
void respond_credential(net::Exchange& x, net::Code code);

}  // namespace queue
