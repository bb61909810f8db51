// A few seats by index, ascending, with room of its own: what a hold asks for and what it got.
// Ownership: a value. Thread: any.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/fixed_text.hpp"
#include "core/limits.hpp"

namespace seat {

class SeatList {
 public:
  // "12,13" as the scripts write it: seven digits and a comma a seat at most.
  using Text = core::FixedText<core::limits::seats_per_user_max * 8>;

  bool full() const { return size_ == seats_.size(); }
  void push_back(uint32_t seat);  // asserts !full()
  // Sorts; false when a seat is there twice.
  bool sort_unique();
  std::span<const uint32_t> seats() const { return {seats_.data(), size_}; }
  std::size_t size() const { return size_; }
  Text text() const;
  // False when the text is no list of numbers, or of too many.
  bool parse(std::string_view text);

 private:
  std::array<uint32_t, core::limits::seats_per_user_max> seats_;
  uint32_t size_ = 0;
};

}  // namespace seat
