// A short text with room of its own: for values that must outlive the buffer they were read from, without allocation.
// Thread: one. Ownership: a value.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/assert.hpp"

namespace core {

template <std::size_t bytes_max>
class FixedText {
 public:
  FixedText() = default;
  explicit FixedText(std::string_view text) { assign(text); }
  // Asserts that the text fits: what comes from outside is measured where it is read.
  void assign(std::string_view text) {
    ONSALE_ASSERT(text.size() <= bytes_max);
    if (!text.empty()) std::memcpy(bytes_.data(), text.data(), text.size());
    size_ = static_cast<uint16_t>(text.size());
  }
  void append(std::string_view text) {
    ONSALE_ASSERT(size_ + text.size() <= bytes_max);
    if (!text.empty()) std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ = static_cast<uint16_t>(size_ + text.size());
  }
  void append(const char* text, std::size_t size) { append(std::string_view{text, size}); }
  std::string_view view() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

 private:
  std::array<char, bytes_max> bytes_;
  uint16_t size_ = 0;
};

// A number as text, for a script's arguments.
class Digits {
 public:
  explicit Digits(int64_t number);
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 24> bytes_;
  uint8_t size_;
};

}  // namespace core
