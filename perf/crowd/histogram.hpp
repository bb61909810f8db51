// Latencies of one step, counted in buckets that grow with the value: 64 a power of two, so a percentile is at most
// 1.6 % too high. Fixed memory, whatever the crowd's size. Thread: one.
#pragma once
#include <array>
#include <cstdint>

namespace crowd {

class Histogram {
 public:
  void add(uint64_t value_us);
  uint64_t count() const { return count_; }
  uint64_t max_us() const { return max_us_; }
  // The smallest bucket bound that `percent` of the values do not exceed; 0 without values. percent: 0..100.
  uint64_t percentile_us(double percent) const;

 private:
  static constexpr uint32_t half_bits = 6;
  static constexpr uint32_t per_power = 1u << half_bits;
  static constexpr uint32_t powers = 32;  // values from 2^37 us (38 hours) share the last bucket
  static uint32_t bucket(uint64_t value_us);
  static uint64_t upper_bound_us(uint32_t bucket);

  std::array<uint64_t, per_power*(powers + 1)> buckets_{};
  uint64_t count_ = 0, max_us_ = 0;
};

}  // namespace crowd
