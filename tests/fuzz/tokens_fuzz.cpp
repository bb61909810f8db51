// Tokens and the file of their keys. Properties:
// - bytes that nobody signed verify never: what is authentic is, byte for byte, what issue() writes of its fields;
// - a token round-trips, under a key that signs no more as well, and means nothing for another event or the other type;
// - one flipped bit, one byte cut off or one more, and it is authentic no longer;
// - a key file of any bytes is read or refused, and a refusal shows no secret.
// Input: a byte that chooses the property, then what it needs.
#include <array>
#include <string>

#include "core/token.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using core::EventTokens;
using core::Keyring;
using core::Token;
using core::TokenType;

constexpr std::string_view old_key = "7:6f6c646b65796f6c646b65796f6c646b65796f6c646b65796f6c646b65796f6c\n";
constexpr std::string_view new_key = "8:6e65776b65796e65776b65796e65776b65796e65776b65796e65776b65796e65\n";

Keyring keyring(std::string_view first, std::string_view second) {
  auto parsed = Keyring::parse(std::string{first}.append(second));
  ONSALE_ASSERT(parsed);
  return std::move(*parsed);
}

// One event seen by nodes before and after a rotation, and another event.
struct Nodes {
  EventTokens before{keyring(old_key, ""), "concert"};
  EventTokens after{keyring(new_key, old_key), "concert"};
  EventTokens elsewhere{keyring(new_key, old_key), "concert2"};
};

const Nodes& nodes() {
  static const Nodes made;
  return made;
}

std::string issue(const EventTokens& tokens, const Token& token) {
  std::array<char, core::limits::token_bytes_max> out;
  return {out.data(), tokens.issue(token, out.data())};
}

int64_t number_from(fuzz::Script& script) {
  uint64_t value = 0;
  for (const char c : script.take(8)) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<int64_t>(value);
}

Token token_from(fuzz::Script& script) {
  Token token;
  token.type = script.one_in(2) ? TokenType::admission : TokenType::ticket;
  token.epoch = number_from(script);
  token.number = number_from(script);
  token.issued_s = number_from(script);
  token.expires_s = number_from(script);
  const auto user = script.text(core::limits::user_bytes_max);
  token.set_user(user.empty() ? "u" : user);
  return token;
}

bool same(const Token& a, const Token& b) {
  return a.type == b.type && a.epoch == b.epoch && a.number == b.number && a.issued_s == b.issued_s &&
         a.expires_s == b.expires_s && a.user() == b.user();
}

void check_bytes(std::string_view bytes) {
  const fuzz::Exact text{bytes, 0, '\0'};
  const auto verified = nodes().after.verify(text.view(), 0);
  if (!verified.authentic()) return;
  const auto of_old_key = nodes().before.verify(text.view(), 0).authentic();
  ONSALE_ASSERT(issue(of_old_key ? nodes().before : nodes().after, verified.token) == bytes);
}

void check_damaged(std::string text, fuzz::Script& script) {
  const auto at = (script.byte() * 256u + script.byte()) % (text.size() * 8);
  text[at / 8] = static_cast<char>(text[at / 8] ^ (1 << at % 8));
  ONSALE_ASSERT(!nodes().after.verify(text, 0).authentic());
}

void check_round_trip(fuzz::Script script) {
  const auto& signer = script.one_in(2) ? nodes().before : nodes().after;
  const auto token = token_from(script);
  const auto now_s = number_from(script);
  const auto text = issue(signer, token);
  const auto verified = nodes().after.verify(token.type, text, now_s);
  ONSALE_ASSERT(verified.status == (now_s < token.expires_s ? core::TokenStatus::ok : core::TokenStatus::expired));
  ONSALE_ASSERT(same(verified.token, token));
  const auto other_type = token.type == TokenType::ticket ? TokenType::admission : TokenType::ticket;
  ONSALE_ASSERT(!nodes().after.verify(other_type, text, now_s).authentic());
  ONSALE_ASSERT(!nodes().elsewhere.verify(text, now_s).authentic());
  ONSALE_ASSERT(&signer == &nodes().before || !nodes().before.verify(text, now_s).authentic());
  ONSALE_ASSERT(!nodes().after.verify(text.substr(0, text.size() - 1), now_s).authentic());
  ONSALE_ASSERT(!nodes().after.verify(text + "A", now_s).authentic());
  check_damaged(text, script);
}

void check_key_file(std::string_view bytes) {
  const fuzz::Exact text{bytes, 0, '\0'};
  const auto parsed = Keyring::parse(text.view());
  if (parsed) {
    ONSALE_ASSERT(parsed.value->size() > 0);
    Token token;
    token.set_user("u");
    const EventTokens tokens{*parsed.value, "concert"};
    ONSALE_ASSERT(tokens.verify(issue(tokens, token), -1).status == core::TokenStatus::ok);
  } else {
    // A sentence of ours holds numbers of at most ten digits and no word of the file.
    ONSALE_ASSERT(!parsed.problem.empty() && parsed.problem.size() < 100);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  fuzz::Script script{fuzz::text_of(data, size)};
  switch (script.byte()) {
    case 'k':
      check_key_file(script.rest());
      break;
    case 't':
      check_round_trip(script);
      break;
    default:
      check_bytes(script.rest());
  }
  return 0;
}
