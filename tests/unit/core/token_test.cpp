#include "core/token.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "core/encoding.hpp"
#include "core/limits.hpp"

using core::EventTokens;
using core::Keyring;
using core::Token;
using core::TokenStatus;
using core::TokenType;

namespace {

std::string key_line(int id, char secret) { return fmt::format("{}:{}\n", id, std::string(64, secret)); }

Keyring keyring(std::string_view text) {
  auto parsed = Keyring::parse(text);
  REQUIRE_MESSAGE(parsed, parsed.problem);
  return std::move(*parsed);
}

Token ticket(std::string_view user = "u-1") {
  Token token;
  token.type = TokenType::ticket;
  token.epoch = 3;
  token.number = (int64_t{3} << 32) + 12345;
  token.issued_s = 1'795'168'800;
  token.expires_s = 1'795'172'400;
  token.set_user(user);
  return token;
}

Token admission() {
  auto token = ticket();
  token.type = TokenType::admission;
  return token;
}

std::string issued(const EventTokens& tokens, const Token& token) {
  char text[core::limits::token_bytes_max];
  return {text, tokens.issue(token, text)};
}

std::string bytes_of(std::string_view text) {
  std::string bytes(core::base64url_bytes_max(text.size()), '\0');
  bytes.resize(core::from_base64url(text, bytes.data()).value());
  return bytes;
}

constexpr int64_t in_force_s = 1'795'170'000;
const std::string one_key = key_line(1, 'a');

}  // namespace

TEST_CASE("what was issued is verified, field by field") {
  const EventTokens tokens{keyring(one_key), "concert"};
  for (const auto& sent : {ticket(), admission(), ticket("x"), ticket(std::string(64, 'u'))}) {
    const auto text = issued(tokens, sent);
    CHECK(text.size() <= core::limits::token_bytes_max);
    const auto [status, token] = tokens.verify(text, in_force_s);
    REQUIRE(status == TokenStatus::ok);
    CHECK(token.type == sent.type);
    CHECK(token.epoch == sent.epoch);
    CHECK(token.number == sent.number);
    CHECK(token.issued_s == sent.issued_s);
    CHECK(token.expires_s == sent.expires_s);
    CHECK(token.user() == sent.user());
  }
}

TEST_CASE("numbers of every size survive") {
  const EventTokens tokens{keyring(one_key), "concert"};
  for (const int64_t number : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{0x80}, int64_t{1} << 53, INT64_MAX}) {
    auto sent = ticket();
    sent.epoch = sent.number = number;
    const auto verified = tokens.verify(issued(tokens, sent), in_force_s);
    CHECK(verified.token.number == number);
    CHECK(verified.token.epoch == number);
  }
}

TEST_CASE("every bit flip of a thousand tokens is rejected") {
  const EventTokens tokens{keyring(one_key), "concert"};
  int accepted = 0;
  for (int at = 0; at < 1000; ++at) {
    auto token = at % 2 ? ticket(fmt::format("user-{}", at)) : admission();
    token.number += at * 7919;
    const auto bytes = bytes_of(issued(tokens, token));
    // All bits of some tokens, a moving sample of the others: a thousand times six hundred bits would be a long test.
    for (std::size_t bit = at < 20 ? 0 : static_cast<std::size_t>(at) % 37; bit < bytes.size() * 8;
         bit += at < 20 ? 1 : 37) {
      auto flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      accepted += tokens.verify(core::base64url(flipped), in_force_s).authentic();
    }
  }
  CHECK(accepted == 0);
}

TEST_CASE("every changed character of the text is rejected, the last one's spare bits included") {
  const EventTokens tokens{keyring(one_key), "concert"};
  for (const auto& user : {"u", "us", "use"}) {  // the three lengths of a base64 tail
    const auto text = issued(tokens, ticket(user));
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        if (text[at] == static_cast<char>(value)) continue;
        auto changed = text;
        changed[at] = static_cast<char>(value);
        REQUIRE_FALSE(tokens.verify(changed, in_force_s).authentic());
      }
    }
  }
}

TEST_CASE("a token cut short or made longer is rejected") {
  const EventTokens tokens{keyring(one_key), "concert"};
  const auto text = issued(tokens, ticket());
  const auto bytes = bytes_of(text);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(tokens.verify(text.substr(0, size), in_force_s).authentic());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(tokens.verify(core::base64url(bytes.substr(0, size)), in_force_s).authentic());
  }
  for (const auto* tail : {"A", "AA", "AAA", "AAAA", "=", " ", "\n"}) {
    CHECK_FALSE(tokens.verify(text + tail, in_force_s).authentic());
  }
  CHECK(tokens.verify(text + text, in_force_s).status == TokenStatus::malformed);
  CHECK(tokens.verify(std::string(100'000, 'A'), in_force_s).status == TokenStatus::malformed);
}

TEST_CASE("a ticket is no admission, also when it says so") {
  const EventTokens tokens{keyring(one_key), "concert"};
  const auto text = issued(tokens, ticket());
  CHECK(tokens.verify(TokenType::ticket, text, in_force_s).status == TokenStatus::ok);
  CHECK(tokens.verify(TokenType::admission, text, in_force_s).status == TokenStatus::bad_signature);
  auto bytes = bytes_of(text);
  bytes[2] = static_cast<char>(TokenType::admission);
  CHECK(tokens.verify(core::base64url(bytes), in_force_s).status == TokenStatus::bad_signature);
  bytes[2] = 3;
  CHECK(tokens.verify(core::base64url(bytes), in_force_s).status == TokenStatus::malformed);
}

TEST_CASE("a token of another event is rejected") {
  const auto keys = keyring(one_key);
  const EventTokens concert{keys, "concert"}, concert2{keys, "concert2"}, concer{keys, "concer"};
  const auto text = issued(concert, ticket());
  CHECK(concert2.verify(text, in_force_s).status == TokenStatus::bad_signature);
  CHECK(concer.verify(text, in_force_s).status == TokenStatus::bad_signature);
  CHECK(EventTokens{keys, "concert"}.verify(text, in_force_s).status == TokenStatus::ok);  // another core, another node
}

TEST_CASE("pieces of two good tokens do not make a third one") {
  const EventTokens tokens{keyring(one_key), "concert"};
  auto late = ticket();
  late.expires_s += 1'000'000;
  const auto a = bytes_of(issued(tokens, ticket())), b = bytes_of(issued(tokens, late));
  REQUIRE(a.size() == b.size());
  for (std::size_t cut = 1; cut < a.size(); ++cut) {
    const auto spliced = a.substr(0, cut) + b.substr(cut);
    if (spliced == a || spliced == b) continue;
    CHECK_FALSE(tokens.verify(core::base64url(spliced), in_force_s).authentic());
  }
  // A byte moved from the number's end into the user, as it would be with joined fields of no fixed width.
  auto moved = bytes_of(issued(tokens, ticket("ab")));
  moved[3] = 1;
  CHECK_FALSE(tokens.verify(core::base64url(moved), in_force_s).authentic());
}

TEST_CASE("an expired token is known as such and still says whose it was") {
  const EventTokens tokens{keyring(one_key), "concert"};
  const auto text = issued(tokens, ticket());
  CHECK(tokens.verify(text, ticket().expires_s - 1).status == TokenStatus::ok);
  const auto expired = tokens.verify(text, ticket().expires_s);
  CHECK(expired.status == TokenStatus::expired);
  CHECK(expired.authentic());
  CHECK(expired.token.user() == "u-1");
  CHECK(tokens.verify(TokenType::ticket, text, ticket().expires_s).status == TokenStatus::expired);
  auto forged = bytes_of(text);
  forged.back() = static_cast<char>(forged.back() ^ 1);
  const auto rejected = tokens.verify(core::base64url(forged), ticket().expires_s);
  CHECK(rejected.status == TokenStatus::bad_signature);  // never "expired": that would be believing a field
  CHECK(rejected.token.user_size == 0);
}

TEST_CASE("a rotation refuses no live token, and a withdrawn key refuses all of its own") {
  const EventTokens before{keyring(key_line(1, 'a')), "concert"};
  const EventTokens announced{keyring(key_line(1, 'a') + key_line(2, 'b')), "concert"};
  const EventTokens rotated{keyring(key_line(2, 'b') + key_line(1, 'a')), "concert"};
  const EventTokens after{keyring(key_line(2, 'b')), "concert"};
  const auto old_text = issued(before, ticket()), new_text = issued(rotated, ticket());
  CHECK(old_text == issued(announced, ticket()));  // the first key signs
  for (const auto* tokens : {&before, &announced, &rotated}) CHECK(tokens->verify(old_text, in_force_s).authentic());
  for (const auto* tokens : {&announced, &rotated, &after}) CHECK(tokens->verify(new_text, in_force_s).authentic());
  CHECK(after.verify(old_text, in_force_s).status == TokenStatus::bad_signature);
  CHECK(before.verify(new_text, in_force_s).status == TokenStatus::bad_signature);
}

TEST_CASE("the same secret under another key id signs differently") {
  const EventTokens one{keyring(key_line(1, 'a')), "concert"}, two{keyring(key_line(2, 'a')), "concert"};
  auto bytes = bytes_of(issued(one, ticket()));
  bytes[1] = 2;
  CHECK(two.verify(core::base64url(bytes), in_force_s).status == TokenStatus::bad_signature);
}

TEST_CASE("a token of another version is malformed, whatever its signature") {
  const EventTokens tokens{keyring(one_key), "concert"};
  auto bytes = bytes_of(issued(tokens, ticket()));
  for (const char version : {'\0', '\2', '\xff'}) {
    bytes[0] = version;
    CHECK(tokens.verify(core::base64url(bytes), in_force_s).status == TokenStatus::malformed);
  }
}

TEST_CASE("a key file is read with its comments and blanks") {
  CHECK(keyring("# first signs\r\n\n " + key_line(2, 'b') + "\t" + key_line(255, 'c')).size() == 2);
  CHECK(keyring("1:" + std::string(200, 'a')).size() == 1);  // no line end
}

TEST_CASE("a key file that cannot be used names the line and never the secret") {
  struct Sample {
    std::string text, problem;
  };
  const std::string good(64, 'a');
  for (const auto& [text, problem] :
       {Sample{"", "has no key"}, Sample{"# none\n", "has no key"},
        Sample{good, "line 1 must be \"<id>:<secret in hex>\""},
        Sample{":" + good, "line 1 must begin with a key id from 1 to 255"},
        Sample{"0:" + good, "line 1 must begin with a key id from 1 to 255"},
        Sample{"256:" + good, "line 1 must begin with a key id from 1 to 255"},
        Sample{"-1:" + good, "line 1 must begin with a key id from 1 to 255"},
        Sample{"1x:" + good, "line 1 must begin with a key id from 1 to 255"},
        Sample{"\n1:" + good + "g\n", "line 2 has a secret that is not hex"},
        Sample{"1:" + good + "0", "line 1 has a secret that is not hex"},
        Sample{"1:" + good.substr(2), "line 1 has a secret of 31 bytes, at least 32 are needed"},
        Sample{key_line(1, 'a') + key_line(1, 'b'), "line 2 repeats key id 1"}}) {
    CHECK(Keyring::parse(text).problem == problem);
  }
  std::string many;
  for (int id = 1; id <= 17; ++id) many += key_line(id, 'a');
  CHECK(Keyring::parse(many).problem == "has more than 16 keys");
}
