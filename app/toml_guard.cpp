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

// Behind the quotes that `at` begins with. Only text in double quotes has escapes; a text over several lines may end
// with two quotes more than it began with.
std::size_t skip_quoted(std::string_view toml, std::size_t at) {
  const char quote = toml[at];
  const std::string_view triple = quote == '"' ? R"(""")" : "'''";
  const bool lines = toml.substr(at).starts_with(triple);
  const auto end = lines ? toml.size() : line_end(toml, at);
  for (at += lines ? 3 : 1; at < end; ++at) {
    if (toml[at] == '\\' && quote == '"') {
      ++at;
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
    if (static_cast<unsigned char>(toml[at]) >= 0x80) return at;
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
