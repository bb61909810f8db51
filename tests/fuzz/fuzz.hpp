// What the fuzz targets share: the input read as a row of decisions, and memory whose ends are watched. A property that
// does not hold ends the process by ONSALE_ASSERT, and libFuzzer keeps the input.
// Ownership: a Script looks into the input, an Exact owns its copy. Thread: one.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/assert.hpp"

namespace fuzz {

inline std::string_view text_of(const uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Decisions from the front of the input, one byte each; behind its end each is 0.
class Script {
 public:
  explicit Script(std::string_view bytes) : rest_{bytes} {}
  bool more() const { return !rest_.empty(); }
  std::string_view rest() const { return rest_; }
  uint8_t byte() { return rest_.empty() ? uint8_t{0} : static_cast<uint8_t>(take(1).front()); }
  uint32_t below(uint32_t limit) { return byte() % limit; }
  bool one_in(uint32_t chances) { return below(chances) == chances - 1; }  // never behind the end
  // A length, then as many bytes.
  std::string_view text(uint32_t bytes_max) { return take(below(bytes_max + 1)); }
  std::string_view take(std::size_t bytes) {
    const auto taken = rest_.substr(0, bytes);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

// Numbers that look random and depend on the seed alone: an input of text keeps its bytes, and a seed cuts it.
class Random {
 public:
  explicit Random(uint8_t seed) : state_{seed * 0x9e37'79b9u + 1} {}
  uint32_t below(uint32_t limit) {
    state_ = state_ * 1'664'525u + 1'013'904'223u;
    return (state_ >> 8) % limit;
  }

 private:
  uint32_t state_;
};

// A copy on the heap with `slack_bytes` of `filler` behind it and nothing else, so that ASan sees any look beyond.
class Exact {
 public:
  Exact(std::string_view bytes, std::size_t slack_bytes, char filler)
      : size_{bytes.size()}, memory_{std::make_unique_for_overwrite<char[]>(size_ + slack_bytes)} {
    std::copy(bytes.begin(), bytes.end(), memory_.get());
    std::fill_n(memory_.get() + size_, slack_bytes, filler);
  }
  std::string_view view() const { return {memory_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> memory_;
};

}  // namespace fuzz
