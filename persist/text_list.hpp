// Lists of ids as one text, "A-1-3,A-1-4": ids never contain a comma. Thread: any.
#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace persist {

inline std::string join(std::span<const std::string> texts) {
  std::string out;
  for (const auto& text : texts) {
    if (!out.empty()) out.push_back(',');
    out += text;
  }
  return out;
}

inline std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    out.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return out;
}

}  // namespace persist
