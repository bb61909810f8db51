// "did you mean ...?": what a person who mistyped a word probably wanted. For configuration files and command lines.
// Thread: any; owns nothing.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

namespace core {

// The candidate that was probably meant: at most two typing errors away, transpositions counting as one.
std::optional<std::string_view> likely_spelling(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace core
