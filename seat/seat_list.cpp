#include "seat/seat_list.hpp"

#include <algorithm>
#include <charconv>

#include "core/assert.hpp"

namespace seat {

void SeatList::push_back(uint32_t seat) {
  ONSALE_ASSERT(!full());
  seats_[size_++] = seat;
}

bool SeatList::sort_unique() {
  const auto end = seats_.begin() + size_;
  std::sort(seats_.begin(), end);
  return std::adjacent_find(seats_.begin(), end) == end;
}

SeatList::Text SeatList::text() const {
  Text text;
  for (const auto seat : seats()) {
    if (!text.empty()) text.append(",");
    text.append(core::Digits{seat}.view());
  }
  return text;
}

bool SeatList::parse(std::string_view text) {
  size_ = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    uint32_t seat = 0;
    const auto [next, error] = std::from_chars(at, end, seat);
    if (error != std::errc{} || full()) return false;
    push_back(seat);
    if (next == end) return true;
    if (*next != ',') return false;
    at = next + 1;
  }
  return text.empty();
}

}  // namespace seat
