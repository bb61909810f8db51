#include "perf/crowd/histogram.hpp"

#include <doctest/doctest.h>

TEST_CASE("histogram: nothing measured is zero, not a crash") {
  crowd::Histogram histogram;
  CHECK(histogram.percentile_us(50) == 0);
  CHECK(histogram.max_us() == 0);
}

TEST_CASE("histogram: small values are exact") {
  crowd::Histogram histogram;
  for (uint64_t value = 1; value <= 50; ++value) histogram.add(value);
  CHECK(histogram.percentile_us(50) == 25);
  CHECK(histogram.percentile_us(100) == 50);
  CHECK(histogram.percentile_us(0) == 1);
}

TEST_CASE("histogram: a percentile is never too low and at most 1.6 % too high") {
  for (uint64_t value : {63ull, 64ull, 65ull, 127ull, 128ull, 1000ull, 65'535ull, 1'000'000ull, 123'456'789ull}) {
    crowd::Histogram histogram;
    histogram.add(value);
    histogram.add(value * 100);  // keeps the maximum from capping the bucket
    auto found = histogram.percentile_us(50);
    CAPTURE(value);
    CHECK(found >= value);
    CHECK(static_cast<double>(found) <= static_cast<double>(value) * 1.016);
  }
}

TEST_CASE("histogram: one slow answer in a thousand shows in the maximum only") {
  crowd::Histogram histogram;
  for (int i = 0; i < 999; ++i) histogram.add(100);
  histogram.add(5'000'000);
  CHECK(histogram.percentile_us(99) < 110);
  CHECK(histogram.max_us() == 5'000'000);
}

TEST_CASE("histogram: a value beyond all buckets is counted") {
  crowd::Histogram histogram;
  histogram.add(~0ull);
  CHECK(histogram.count() == 1);
  CHECK(histogram.percentile_us(50) > 0);
}
