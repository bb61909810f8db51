#include "app/toml_guard.hpp"

#include <algorithm>

namespace app {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::size_t line_end(std::string_view toml, std::size_t at) { return std::min(toml.find('\n', at), toml.size()); }

// A quote begins a text where a key or a value may begin. In the middle of a word it is a mistake, and toml++ looks at
// all of such a word before it says so.
bool begins_text(std::string_view toml, std::size_t at) {
  constexpr std::string_view before = " \t\n=,[{.";
  const bool quote = toml[at] == '"' || toml[at] == '\'';
  return quote && (at == 0 || before.find(toml[at - 1]) != before.npos);
}

bool is_foreign(char c) { return static_cast<unsigned char>(c) >= 0x80; }

// What a backslash stands before: the next character, or the first behind the blanks and line ends it takes away.
std::size_t behind_backslash(std::string_view toml, std::size_t at) {
  return std::min(toml.find_first_not_of(" \t\r\n", at + 1), toml.size());
}

// Behind the quotes that `at` begins with, or at the foreign byte behind a backslash. Only text in double quotes has
// backslashes; a text over several lines may end with two quotes more than it began with.
std::size_t skip_quoted(std::string_view toml, std::size_t at) {
  const char quote = toml[at];
  const std::string_view triple = quote == '"' ? R"(""")" : "'''";
  const bool lines = toml.substr(at).starts_with(triple);
  const auto end = lines ? toml.size() : line_end(toml, at);
  for (at += lines ? 3 : 1; at < end; ++at) {
    if (toml[at] == '\\' && quote == '"') {
      const auto next = behind_backslash(toml, at++);
      if (next < end && is_foreign(toml[next])) return next;
    } else if (toml[at] == quote && !lines) {
      return at + 1;
    } else if (toml.substr(at).starts_with(triple)) {
      const auto after = std::min(toml.find_first_not_of(quote, at), toml.size());
      return std::min(after, at + triple.size() + 2);
    }
  }
  return std::min(at, end);
}

}  // namespace

std::optional<std::size_t> find_foreign_byte(std::string_view toml) {
  for (std::size_t at = toml.starts_with(byte_order_mark) ? byte_order_mark.size() : 0; at < toml.size();) {
    if (is_foreign(toml[at])) return at;
    if (toml[at] == '#') {
      at = line_end(toml, at);
    } else if (begins_text(toml, at)) {
      at = skip_quoted(toml, at);
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

}  // namespace app
