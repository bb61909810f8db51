// Durations counted in buckets that grow with the value, so that a percentile is off by at most one part in 2^bits:
// 1.6 % with 6 bits, three digits with 10. Fixed memory, whatever is measured; counting is two adds and allocates
// nothing. Histograms of several threads are added up afterwards. Ownership: value. Thread: one.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace perf {

template <uint32_t bits>
class Histogram {
 public:
  void add(uint64_t value_us) {
    ++buckets_[bucket(value_us)];
    ++count_;
    max_us_ = std::max(max_us_, value_us);
  }

  void add(const Histogram& other) {
    for (std::size_t at = 0; at < buckets_.size(); ++at) buckets_[at] += other.buckets_[at];
    count_ += other.count_;
    max_us_ = std::max(max_us_, other.max_us_);
  }

  uint64_t count() const { return count_; }
  uint64_t max_us() const { return max_us_; }

  // The smallest bucket bound that `percent` of the values do not exceed; 0 without values. percent: 0..100.
  uint64_t percentile_us(double percent) const {
    if (count_ == 0) return 0;
    auto rank = static_cast<uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100.0));
    rank = std::clamp<uint64_t>(rank, 1, count_);
    uint64_t seen = 0;
    for (uint32_t at = 0; at < buckets_.size(); ++at) {
      seen += buckets_[at];
      if (seen >= rank) return std::min(upper_bound_us(at), max_us_);
    }
    return max_us_;
  }

 private:
  static constexpr uint32_t per_power = 1u << bits;
  static constexpr uint32_t powers = 38 - bits;  // values from 2^38 us (76 hours) share the last bucket

  // Below 2^bits a bucket a value; above, the power of two names the group and the next bits the bucket in it.
  static uint32_t bucket(uint64_t value_us) {
    if (value_us < per_power) return static_cast<uint32_t>(value_us);
    auto shift = static_cast<uint32_t>(std::bit_width(value_us)) - 1 - bits;
    if (shift >= powers) return static_cast<uint32_t>(per_power * (powers + 1) - 1);
    return per_power * (shift + 1) + static_cast<uint32_t>(value_us >> shift) - per_power;
  }

  static uint64_t upper_bound_us(uint32_t bucket) {
    if (bucket < per_power) return bucket;
    uint32_t shift = bucket / per_power - 1;
    return ((uint64_t{bucket % per_power} + per_power + 1) << shift) - 1;
  }

  std::array<uint64_t, per_power*(powers + 1)> buckets_{};
  uint64_t count_ = 0, max_us_ = 0;
};

}  // namespace perf
