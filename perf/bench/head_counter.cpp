#include "perf/bench/head_counter.hpp"

#include <algorithm>
#include <utility>

namespace bench {

namespace {

constexpr std::string_view empty_line = "\r\n\r\n";

}  // namespace

void HeadCounter::step(char c) {
  if (c != empty_line[matched_]) matched_ = 0;
  if (c == empty_line[matched_]) ++matched_;
  if (matched_ < empty_line.size()) return;
  matched_ = 0;
  ++found_;
}

uint32_t HeadCounter::count(std::string_view bytes) {
  // An empty line that began in the bytes before ends within three bytes; then nothing of them matters any more.
  std::size_t from = 0;
  while (matched_ > 0 && from < bytes.size()) step(bytes[from++]);
  auto last = from + empty_line.size() - 1;  // where an empty line would end
  while (last < bytes.size()) {
    const char c = bytes[last];
    if (c == '\n' && bytes.substr(last - 3, 4) == empty_line) {
      ++found_;
      from = last + 1;
      last += 4;
    } else if (c == '\n') {
      last += bytes[last - 1] == '\r' ? 2 : 4;  // the first half of one, or no part
    } else {
      last += c == '\r' ? 1 : 4;
    }
  }
  for (auto at = std::max(from, std::max<std::size_t>(bytes.size(), 3) - 3); at < bytes.size(); ++at) step(bytes[at]);
  return std::exchange(found_, 0);
}

}  // namespace bench
