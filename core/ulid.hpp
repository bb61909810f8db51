// ULIDs: 48 bits of milliseconds and 80 random bits in 26 characters of Crockford's base32, upper case.
//
//   01KAFJ7M3Q  8Z3RT5W9VHC2XEYD      ids of one generator grow, so the newest holds lie at the end of an index
//   time, 10    randomness, 16
//
// Inside one millisecond, or while the clock stands or steps back, the randomness of the last id grows by a random
// step: still increasing, and the next id cannot be guessed from the last.
// Ownership: values. Thread: one generator a core, no locks.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/random.hpp"

namespace core {

inline constexpr std::size_t ulid_bytes = 26;

struct Ulid {
  std::array<char, ulid_bytes> text;
  std::string_view view() const { return {text.data(), text.size()}; }
  std::string string() const { return std::string{view()}; }
};

class UlidGenerator {
 public:
  explicit UlidGenerator(Random::Source source = &kernel_random) : random_{source} {}
  Ulid next(int64_t now_ms);  // 0 <= now_ms < 2^48

 private:
  void start(int64_t ms);
  void step();

  Random random_;
  int64_t last_ms_ = -1;
  uint16_t high_ = 0;  // the upper 16 of the 80 random bits
  uint64_t low_ = 0;
};

// True for the canonical form only (upper case, no I, L, O, U, first character at most '7'): ids are compared as bytes.
bool valid_ulid(std::string_view text);
// Milliseconds since 1970 of a valid ULID, else nullopt.
std::optional<int64_t> ulid_ms(std::string_view text);

}  // namespace core
