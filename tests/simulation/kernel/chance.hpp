// Every choice of a simulated run comes from here, in one order: the same seed is the same run.
// Value. Thread: one.
#pragma once
#include <cstdint>

namespace simulation {

// SplitMix64: small, fast, and good enough to choose by.
class Chance {
 public:
  explicit Chance(uint64_t seed) : state_{seed} {}
  uint64_t next() {
    auto mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  // 0 to bound - 1.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
  // `least` to `most`, both possible.
  uint32_t between(uint32_t least, uint32_t most) { return least + below(most - least + 1); }
  bool happens(uint32_t permille) { return below(1000) < permille; }
  // Any of the values, each equally likely.
  template <class... Values>
  uint32_t one_of(Values... values) {
    const uint32_t all[] = {static_cast<uint32_t>(values)...};
    return all[below(sizeof...(values))];
  }

 private:
  uint64_t state_;
};

}  // namespace simulation
