#include "perf/crowd/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace crowd {

// Below 64 a bucket a value; above, the power of two names the group and the next six bits the bucket in it.
uint32_t Histogram::bucket(uint64_t value_us) {
  if (value_us < per_power) return static_cast<uint32_t>(value_us);
  auto shift = static_cast<uint32_t>(std::bit_width(value_us)) - 1 - half_bits;
  if (shift >= powers) return static_cast<uint32_t>(per_power * (powers + 1) - 1);
  return per_power * (shift + 1) + static_cast<uint32_t>(value_us >> shift) - per_power;
}

uint64_t Histogram::upper_bound_us(uint32_t bucket) {
  if (bucket < per_power) return bucket;
  uint32_t shift = bucket / per_power - 1;
  return ((uint64_t{bucket % per_power} + per_power + 1) << shift) - 1;
}

void Histogram::add(uint64_t value_us) {
  ++buckets_[bucket(value_us)];
  ++count_;
  max_us_ = std::max(max_us_, value_us);
}

uint64_t Histogram::percentile_us(double percent) const {
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

}  // namespace crowd
