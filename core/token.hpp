// Signed, self-contained tokens: the ticket (a place in line) and the admission (seats may be held). Verifying one
// needs no look-up; a key can be rotated without refusing a live token.
//
//   bytes:  version(1)=1  key_id(1)  type(1)  user_size(1)  epoch(8)  number(8)  issued_s(8)  expires_s(8)
//           user(user_size)  mac(16)                                      integers big-endian; text: base64url
//
// The MAC is HMAC-SHA256 cut to 16 bytes over everything before it, under a key derived for one (key id, type, event).
// So a token of one event or role means nothing in another, and, every field being of fixed width or with its length
// in front, no valid token can be cut and joined into another one.
// Ownership: values; a Keyring keeps the secrets, an EventTokens only what was derived from them.
// Thread: any for reading; a core makes its own EventTokens.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/limits.hpp"
#include "core/sha256.hpp"

namespace core {

enum class TokenType : uint8_t { ticket = 1, admission = 2 };
inline constexpr std::size_t token_types = 2;

struct Token {
  TokenType type = TokenType::ticket;
  int64_t epoch = 0;
  int64_t number = 0;     // the arrival number
  int64_t issued_s = 0;   // seconds since 1970
  int64_t expires_s = 0;  // from this second on it is expired

  std::string_view user() const { return {user_text, user_size}; }
  void set_user(std::string_view user);  // a valid user id (core/event.hpp)

  char user_text[limits::user_bytes_max] = {};
  uint8_t user_size = 0;
};

enum class TokenStatus : uint8_t { ok, malformed, bad_signature, expired };

struct [[nodiscard]] VerifiedToken {
  TokenStatus status = TokenStatus::malformed;
  Token token;  // filled when the signature is good: status ok or expired
  bool authentic() const { return status == TokenStatus::ok || status == TokenStatus::expired; }
};

// The secrets, in the order of their file: the first signs, all verify.
class Keyring {
 public:
  // Text of a key file: one key a line, "<id>:<secret>", id from 1 to 255, secret at least 32 bytes in hex; empty
  // lines and lines that begin with '#' are skipped. A problem names the line, never the secret.
  static Checked<Keyring> parse(std::string_view text);
  std::size_t size() const { return keys_.size(); }

 private:
  friend class EventTokens;
  struct Key {
    uint8_t id;
    HmacKey master;
  };
  std::vector<Key> keys_;
};

// Signs and verifies the tokens of one event. Deriving its keys costs some microseconds and allocates, using it
// neither: make it once per core and event.
class EventTokens {
 public:
  EventTokens(const Keyring& keyring, std::string_view event);

  // Writes the token's text to `out`, which has room for limits::token_bytes_max bytes; returns its size.
  std::size_t issue(const Token& token, char* out) const;

  // Length, version and MAC are judged before any field is believed. Of either type: look at token.type.
  VerifiedToken verify(std::string_view text, int64_t now_s) const;
  // A token of the other type is bad_signature here.
  VerifiedToken verify(TokenType expected, std::string_view text, int64_t now_s) const;

 private:
  struct Key {
    uint8_t id;
    HmacKey by_type[token_types];
  };
  const Key* find(uint8_t key_id) const;
  std::vector<Key> keys_;
};

}  // namespace core
