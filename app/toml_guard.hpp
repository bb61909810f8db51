// Looks at a TOML text before toml++ does: outside of quotes and comments TOML knows no character beyond ASCII, and
// toml++ 3.3 looks such a one up outside of its table of white space, which is undefined behaviour. It does the same
// with what a backslash stands before, so there such a character is refused as well.
//
//   key = "in quotes: é"   # and in comments: é          é = 1   <- found
//
// Ownership: none. Thread: any.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace app {

// The index of the first byte beyond ASCII that toml++ would look up; a byte order mark in front is no such byte. Where
// the quotes are broken, toml++ stops before it gets to what this cannot judge.
std::optional<std::size_t> find_foreign_byte(std::string_view toml);

}  // namespace app
