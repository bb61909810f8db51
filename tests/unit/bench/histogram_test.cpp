#include "perf/histogram.hpp"

#include <doctest/doctest.h>

namespace {

using Coarse = perf::Histogram<6>;
using Fine = perf::Histogram<10>;

}  // namespace

TEST_CASE("histogram: nothing measured is zero, not a crash") {
  Coarse histogram;
  CHECK(histogram.percentile_us(50) == 0);
  CHECK(histogram.max_us() == 0);
}

TEST_CASE("histogram: small values are exact") {
  Coarse histogram;
  for (uint64_t value = 1; value <= 50; ++value) histogram.add(value);
  CHECK(histogram.percentile_us(50) == 25);
  CHECK(histogram.percentile_us(100) == 50);
  CHECK(histogram.percentile_us(0) == 1);
}

TEST_CASE("histogram: a percentile is never too low and at most 1.6 % too high") {
  for (uint64_t value : {63ull, 64ull, 65ull, 127ull, 128ull, 1000ull, 65'535ull, 1'000'000ull, 123'456'789ull}) {
    Coarse histogram;
    histogram.add(value);
    histogram.add(value * 100);  // keeps the maximum from capping the bucket
    auto found = histogram.percentile_us(50);
    CAPTURE(value);
    CHECK(found >= value);
    CHECK(static_cast<double>(found) <= static_cast<double>(value) * 1.016);
  }
}

TEST_CASE("histogram: with ten bits three digits are right") {
  for (uint64_t value : {1023ull, 1024ull, 1025ull, 99'999ull, 1'234'567ull, 9'999'999'999ull}) {
    Fine histogram;
    histogram.add(value);
    histogram.add(value * 10);
    auto found = histogram.percentile_us(50);
    CAPTURE(value);
    CHECK(found >= value);
    CHECK(static_cast<double>(found) <= static_cast<double>(value) * 1.001);
  }
}

TEST_CASE("histogram: what two threads measured adds up to what one would have") {
  Fine one, other, all;
  for (uint64_t value = 1; value < 5000; value += 3) {
    (value % 2 == 0 ? one : other).add(value);
    all.add(value);
  }
  one.add(other);
  CHECK(one.count() == all.count());
  CHECK(one.max_us() == all.max_us());
  for (double percent : {0.0, 50.0, 99.0, 99.9, 100.0}) CHECK(one.percentile_us(percent) == all.percentile_us(percent));
}

TEST_CASE("histogram: one slow answer in a thousand shows in the maximum only") {
  Coarse histogram;
  for (int i = 0; i < 999; ++i) histogram.add(100);
  histogram.add(5'000'000);
  CHECK(histogram.percentile_us(99) < 110);
  CHECK(histogram.max_us() == 5'000'000);
}

TEST_CASE("histogram: a value beyond all buckets is counted") {
  Coarse histogram;
  histogram.add(~0ull);
  CHECK(histogram.count() == 1);
  CHECK(histogram.percentile_us(50) > 0);
}
