#include "net/wire/http_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace net::http {

namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  auto letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

constexpr std::array<bool, 256> characters_of_a_name() {
  std::array<bool, 256> allowed{};
  for (auto c = '0'; c <= '9'; ++c) allowed[static_cast<unsigned char>(c)] = true;
  for (auto c = 'a'; c <= 'z'; ++c) allowed[static_cast<unsigned char>(c)] = true;
  for (auto c = 'A'; c <= 'Z'; ++c) allowed[static_cast<unsigned char>(c)] = true;
  for (auto c : std::string_view{"-._~%!$&'()*+,;="}) allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}
constexpr auto in_name = characters_of_a_name();

// "[::1]" in front of `text`: how long it is; 0 when it is none.
std::size_t literal_address_bytes(std::string_view text) {
  auto end = text.find(']');
  if (end == std::string_view::npos || end < 2) return 0;
  auto inside = text.substr(1, end - 1);
  auto sound =
      std::all_of(inside.begin(), inside.end(), [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
  return sound ? end + 1 : 0;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool escapes_are_sound(std::string_view text) {
  for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 3)) {
    if (at + 2 >= text.size()) return false;
    auto high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
    if (high < 0 || low < 0 || high + low == 0) return false;
  }
  return true;
}

std::size_t percent_decode(std::string_view text, bool plus_is_space, char* out) {
  auto begin = out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto c = text[at];
    if (c == '%') {
      c = static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
      at += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    *out++ = c;
  }
  return static_cast<std::size_t>(out - begin);
}

std::optional<int64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.size() > 18 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool valid_authority(std::string_view text) {
  if (text.empty()) return true;
  auto host_bytes = text.front() == '[' ? literal_address_bytes(text) : std::min(text.find(':'), text.size());
  auto host = text.substr(0, host_bytes), port = text.substr(host_bytes);
  if (host.empty() || (!port.empty() && port.front() != ':')) return false;
  if (host.front() != '[' &&
      !std::all_of(host.begin(), host.end(), [](char c) { return in_name[static_cast<unsigned char>(c)]; })) {
    return false;
  }
  port.remove_prefix(port.empty() ? 0 : 1);
  return escapes_are_sound(host) && std::all_of(port.begin(), port.end(), is_digit);
}

}  // namespace net::http
