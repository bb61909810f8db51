#include "core/ulid.hpp"

#include <algorithm>
#include <cstddef>

#include "core/assert.hpp"

namespace core {

namespace {

constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t time_characters = 10;
constexpr int64_t end_ms = int64_t{1} << 48;

// The `count` lowest groups of five bits, the highest first.
char* put_base32(uint64_t bits, int count, char* out) {
  for (int shift = 5 * (count - 1); shift >= 0; shift -= 5) *out++ = crockford[bits >> shift & 31];
  return out;
}

}  // namespace

Ulid UlidGenerator::next(int64_t now_ms) {
  ONSALE_ASSERT(now_ms >= 0 && now_ms < end_ms);
  if (now_ms > last_ms_) {
    start(now_ms);
  } else {
    step();
  }
  Ulid ulid;
  char* out = put_base32(static_cast<uint64_t>(last_ms_), 10, ulid.text.data());
  out = put_base32(uint64_t{high_} << 24 | low_ >> 40, 8, out);  // 80 bits as two times 40
  put_base32(low_, 8, out);
  return ulid;
}

void UlidGenerator::start(int64_t ms) {
  last_ms_ = ms;
  random_.fill(&high_, sizeof high_);
  random_.fill(&low_, sizeof low_);
}

void UlidGenerator::step() {
  const uint64_t before = low_;
  low_ += uint64_t{random_.next_u32()} + 1;
  if (low_ > before) return;
  if (++high_ == 0) start(last_ms_ + 1);  // all 80 bits are used up: borrow from the next millisecond
}

bool valid_ulid(std::string_view text) {
  return text.size() == ulid_bytes && text.front() <= '7' &&
         std::ranges::all_of(text, [](char c) { return crockford.find(c) != crockford.npos; });
}

std::optional<int64_t> ulid_ms(std::string_view text) {
  if (!valid_ulid(text)) return std::nullopt;
  int64_t ms = 0;
  for (const char c : text.substr(0, time_characters)) ms = ms << 5 | static_cast<int64_t>(crockford.find(c));
  return ms;
}

}  // namespace core
