#include "core/spelling.hpp"

#include <algorithm>
#include <numeric>

namespace core {

namespace {

std::size_t typing_errors(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> likely_spelling(std::string_view word,
                                                const std::vector<std::string_view>& candidates) {
  std::optional<std::string_view> best;
  std::size_t best_errors = word.size() > 3 ? 3 : 2;  // fewer than this many
  for (const auto candidate : candidates) {
    const auto errors = typing_errors(word, candidate);
    if (errors >= best_errors) continue;
    best = candidate;
    best_errors = errors;
  }
  if (best || word.size() < 4) return best;
  // Cut short, or with something behind it: "trusted_proxy" for "trusted_proxies" is three errors, and no riddle.
  const auto stem = word.substr(0, word.size() - 1);
  const auto found = std::ranges::find_if(candidates, [&](std::string_view each) { return each.starts_with(stem); });
  return found == candidates.end() ? best : std::optional{*found};
}

}  // namespace core
