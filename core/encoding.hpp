// Bytes as text: hex, and base64url without padding (RFC 4648). Decoding is strict: one text for each byte string, so
// a changed character can never decode to the same bytes. Thread: any; owns nothing.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace core {

std::string hex(std::string_view bytes);  // lower case
// Either case; nullopt for an odd length or a foreign character.
std::optional<std::string> from_hex(std::string_view text);

constexpr std::size_t base64url_size(std::size_t bytes) { return (bytes * 4 + 2) / 3; }
constexpr std::size_t base64url_bytes_max(std::size_t text_size) { return text_size * 3 / 4; }
// Writes base64url_size(bytes.size()) characters, no terminator; returns their end.
char* put_base64url(std::string_view bytes, char* out);
std::string base64url(std::string_view bytes);
// Writes at most base64url_bytes_max(text.size()) bytes to `out` and returns how many. nullopt (and unspecified bytes
// in `out`) for padding, foreign characters, impossible lengths and spare bits that are not zero.
std::optional<std::size_t> from_base64url(std::string_view text, char* out);

// Takes as long for the first differing byte as for the last; the lengths are no secret.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace core
