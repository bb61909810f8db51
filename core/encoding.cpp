#include "core/encoding.hpp"

#include <array>
#include <cstdint>

namespace core {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t foreign = 0xff;

constexpr std::array<uint8_t, 256> inverse_of(std::string_view characters) {
  std::array<uint8_t, 256> inverse{};
  inverse.fill(foreign);
  for (std::size_t at = 0; at < characters.size(); ++at) {
    inverse[static_cast<unsigned char>(characters[at])] = static_cast<uint8_t>(at);
  }
  return inverse;
}

constexpr auto value_of_base64url = inverse_of(alphabet);
constexpr auto value_of_hex = [] {
  auto inverse = inverse_of(hex_digits);
  for (uint8_t digit = 10; digit < 16; ++digit) inverse['A' + digit - 10u] = digit;
  return inverse;
}();

uint32_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

// The bits of one group of up to four characters; nullopt when one of them is foreign.
std::optional<uint32_t> bits_of(std::string_view group) {
  uint32_t bits = 0;
  for (const char c : group) {
    const auto value = value_of_base64url[static_cast<unsigned char>(c)];
    if (value == foreign) return std::nullopt;
    bits = bits << 6 | value;
  }
  return bits;
}

}  // namespace

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const unsigned high = value_of_hex[byte_at(text, at)], low = value_of_hex[byte_at(text, at + 1)];
    if (high == foreign || low == foreign) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

char* put_base64url(std::string_view bytes, char* out) {
  for (; bytes.size() >= 3; bytes.remove_prefix(3)) {
    const uint32_t bits = byte_at(bytes, 0) << 16 | byte_at(bytes, 1) << 8 | byte_at(bytes, 2);
    for (int shift = 18; shift >= 0; shift -= 6) *out++ = alphabet[bits >> shift & 63];
  }
  if (bytes.empty()) return out;
  const uint32_t bits = byte_at(bytes, 0) << 16 | (bytes.size() == 2 ? byte_at(bytes, 1) << 8 : 0);
  *out++ = alphabet[bits >> 18];
  *out++ = alphabet[bits >> 12 & 63];
  if (bytes.size() == 2) *out++ = alphabet[bits >> 6 & 63];
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string text(base64url_size(bytes.size()), '\0');
  put_base64url(bytes, text.data());
  return text;
}

std::optional<std::size_t> from_base64url(std::string_view text, char* out) {
  char* const begin = out;
  for (; text.size() >= 4; text.remove_prefix(4)) {
    const auto bits = bits_of(text.substr(0, 4));
    if (!bits) return std::nullopt;
    for (int shift = 16; shift >= 0; shift -= 8) *out++ = static_cast<char>(*bits >> shift & 255);
  }
  if (text.size() == 1) return std::nullopt;  // six bits are not a byte
  const auto bits = bits_of(text);
  const uint32_t spare = text.size() == 2 ? 4 : text.size() == 3 ? 2 : 0;
  if (!bits || (*bits & ((1u << spare) - 1)) != 0) return std::nullopt;
  if (text.size() == 3) *out++ = static_cast<char>(*bits >> 10 & 255);
  if (text.size() >= 2) *out++ = static_cast<char>(*bits >> spare & 255);
  return static_cast<std::size_t>(out - begin);
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;  // volatile: the compiler may not leave the loop early
  for (std::size_t at = 0; at < a.size(); ++at) {
    difference = static_cast<unsigned char>(difference | (a[at] ^ b[at]));
  }
  return difference == 0;
}

}  // namespace core
