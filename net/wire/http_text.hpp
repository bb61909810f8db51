// Small rules of HTTP text: case-blind names, optional white space, percent escapes. Thread: any; owns nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace net::http {

bool equal_ignoring_case(std::string_view a, std::string_view b);  // ASCII
std::string_view trim(std::string_view text);                      // spaces and tabs at both ends

// True when every '%' is followed by two hex digits that are not 00.
bool escapes_are_sound(std::string_view text);
// Writes at most text.size() bytes to `out` and returns how many. `text` has sound escapes. `plus_is_space`: queries.
std::size_t percent_decode(std::string_view text, bool plus_is_space, char* out);

// Only decimal digits, at most 18 of them. nullopt for anything else, also for the empty text.
std::optional<int64_t> parse_digits(std::string_view text);

// A host as it may stand in Host or in a target, with or without a port: nothing that could be a path, a user or a
// second value. The empty text is one: Host may be empty.
bool valid_authority(std::string_view text);

}  // namespace net::http
