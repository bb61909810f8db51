#include "core/token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/assert.hpp"
#include "core/encoding.hpp"

namespace core {

namespace {

constexpr unsigned char version = 1;
constexpr std::size_t head_bytes = 4 + 4 * 8;  // everything before the user
constexpr std::size_t mac_bytes = 16;
constexpr std::size_t token_bytes_min = head_bytes + 1 + mac_bytes;
constexpr std::size_t token_bytes_max = head_bytes + limits::user_bytes_max + mac_bytes;
static_assert(base64url_size(token_bytes_max) <= limits::token_bytes_max);

constexpr std::size_t secret_bytes_min = 32;
constexpr std::size_t keys_max = 16;

char* put_u8(char* out, unsigned value) {
  *out = static_cast<char>(value);
  return out + 1;
}

char* put_i64(char* out, int64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) *out++ = static_cast<char>(static_cast<uint64_t>(value) >> shift & 255);
  return out;
}

int64_t get_i64(const char* in) {
  uint64_t value = 0;
  for (int at = 0; at < 8; ++at) value = value << 8 | static_cast<unsigned char>(in[at]);
  return static_cast<int64_t>(value);
}

std::size_t place_of(TokenType type) { return static_cast<std::size_t>(type) - 1; }

// The key for one (key id, type, event). Every part of the label has its length in front or is one byte.
HmacKey derive(const HmacKey& master, uint8_t key_id, TokenType type, std::string_view event) {
  constexpr std::string_view purpose = "onsale token";
  const char sizes[] = {static_cast<char>(purpose.size()), static_cast<char>(version), static_cast<char>(key_id),
                        static_cast<char>(type), static_cast<char>(event.size())};
  const std::string_view label{sizes, sizeof sizes};
  return HmacKey{master.sign({label.substr(0, 1), purpose, label.substr(1), event}).view()};
}

std::string_view mac_of(const Digest& digest) { return digest.view().substr(0, mac_bytes); }

Token fields_of(std::string_view bytes) {
  Token token;
  const char* in = bytes.data();
  token.type = static_cast<TokenType>(in[2]);
  token.epoch = get_i64(in + 4);
  token.number = get_i64(in + 12);
  token.issued_s = get_i64(in + 20);
  token.expires_s = get_i64(in + 28);
  token.set_user(bytes.substr(head_bytes));
  return token;
}

struct KeyLine {
  uint8_t id;
  std::string secret;
};

Checked<KeyLine> parse_key_line(std::string_view line) {
  using Failed = Checked<KeyLine>;
  const auto colon = line.find(':');
  if (colon == line.npos) return Failed::failed("must be \"<id>:<secret in hex>\"");
  unsigned id = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + colon, id);
  if (error != std::errc{} || end != line.data() + colon || id < 1 || id > 255) {
    return Failed::failed("must begin with a key id from 1 to 255");
  }
  auto secret = from_hex(line.substr(colon + 1));
  if (!secret) return Failed::failed("has a secret that is not hex");
  if (secret->size() < secret_bytes_min) {
    return Failed::failed(
        fmt::format("has a secret of {} bytes, at least {} are needed", secret->size(), secret_bytes_min));
  }
  return KeyLine{static_cast<uint8_t>(id), std::move(*secret)};
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = line.find_first_not_of(blanks);
  if (begin == line.npos) return {};
  return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

void Token::set_user(std::string_view user) {
  ONSALE_ASSERT(!user.empty() && user.size() <= sizeof user_text);
  std::memcpy(user_text, user.data(), user.size());
  user_size = static_cast<uint8_t>(user.size());
}

Checked<Keyring> Keyring::parse(std::string_view text) {
  Keyring keyring;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = trimmed(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), text.find('\n') == text.npos ? text.size() : text.find('\n') + 1));
    if (line.empty() || line.front() == '#') continue;
    auto key = parse_key_line(line);
    if (!key) return Checked<Keyring>::failed(fmt::format("line {} {}", number, key.problem));
    const bool repeated = std::ranges::any_of(keyring.keys_, [&](const Key& other) { return other.id == key->id; });
    if (repeated) return Checked<Keyring>::failed(fmt::format("line {} repeats key id {}", number, key->id));
    keyring.keys_.push_back({key->id, HmacKey{key->secret}});
  }
  if (keyring.keys_.empty()) return Checked<Keyring>::failed("has no key");
  if (keyring.keys_.size() > keys_max) return Checked<Keyring>::failed(fmt::format("has more than {} keys", keys_max));
  return keyring;
}

EventTokens::EventTokens(const Keyring& keyring, std::string_view event) {
  ONSALE_ASSERT(!keyring.keys_.empty() && event.size() <= limits::event_bytes_max);
  keys_.reserve(keyring.keys_.size());
  for (const auto& [id, master] : keyring.keys_) {
    keys_.push_back(
        {id, {derive(master, id, TokenType::ticket, event), derive(master, id, TokenType::admission, event)}});
  }
}

const EventTokens::Key* EventTokens::find(uint8_t key_id) const {
  const auto found = std::ranges::find(keys_, key_id, &Key::id);
  return found == keys_.end() ? nullptr : &*found;
}

std::size_t EventTokens::issue(const Token& token, char* out) const {
  ONSALE_ASSERT(token.user_size > 0);
  const auto& key = keys_.front();
  char bytes[token_bytes_max];
  char* end = put_u8(put_u8(bytes, version), key.id);
  end = put_u8(put_u8(end, static_cast<unsigned>(token.type)), token.user_size);
  end = put_i64(put_i64(end, token.epoch), token.number);
  end = put_i64(put_i64(end, token.issued_s), token.expires_s);
  end = std::copy_n(token.user_text, token.user_size, end);
  const auto digest =
      key.by_type[place_of(token.type)].sign({std::string_view{bytes, static_cast<std::size_t>(end - bytes)}});
  end = std::copy_n(digest.bytes.data(), mac_bytes, end);
  return static_cast<std::size_t>(put_base64url({bytes, static_cast<std::size_t>(end - bytes)}, out) - out);
}

VerifiedToken EventTokens::verify(std::string_view text, int64_t now_s) const {
  char room[token_bytes_max];
  if (text.size() < base64url_size(token_bytes_min) || text.size() > base64url_size(token_bytes_max)) return {};
  const auto size = from_base64url(text, room);
  // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): a text of that size is token_bytes_min bytes
  if (!size || room[0] != version || *size != head_bytes + static_cast<uint8_t>(room[3]) + mac_bytes) return {};
  const auto type = static_cast<TokenType>(room[2]);
  if (type != TokenType::ticket && type != TokenType::admission) return {};
  const std::string_view bytes{room, *size - mac_bytes}, mac{room + bytes.size(), mac_bytes};
  const auto* key = find(static_cast<uint8_t>(room[1]));
  if (!key || !equal_constant_time(mac, mac_of(key->by_type[place_of(type)].sign({bytes})))) {
    return {TokenStatus::bad_signature, {}};
  }
  VerifiedToken verified{TokenStatus::ok, fields_of(bytes)};
  if (now_s >= verified.token.expires_s) verified.status = TokenStatus::expired;
  return verified;
}

VerifiedToken EventTokens::verify(TokenType expected, std::string_view text, int64_t now_s) const {
  auto verified = verify(text, now_s);
  if (verified.authentic() && verified.token.type != expected) return {TokenStatus::bad_signature, {}};
  return verified;
}

}  // namespace core
