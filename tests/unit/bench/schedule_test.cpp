#include "perf/bench/schedule.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace {

constexpr int64_t begin_ns = 5'000'000'000, ms_ns = 1'000'000;

std::vector<int64_t> first_times(bench::Arrivals kind, uint64_t seed, int count) {
  bench::ArrivalTimes times{kind, 1000, seed, begin_ns};
  std::vector<int64_t> found;
  for (int at = 0; at < count; ++at, times.advance()) found.push_back(times.next_ns());
  return found;
}

}  // namespace

TEST_CASE("requests are due whether the server answers or not, and what waits counts from then") {
  bench::Schedule schedule{bench::ArrivalTimes{bench::Arrivals::constant, 1000, 1, begin_ns}};
  schedule.catch_up(begin_ns - 1);
  CHECK(schedule.waiting() == 0);
  schedule.catch_up(begin_ns);
  REQUIRE(schedule.waiting() == 1);
  CHECK(schedule.take() == begin_ns);
  // The server stalls for a tenth of a second: a closed loop would have asked nothing meanwhile.
  schedule.catch_up(begin_ns + 100 * ms_ns);
  REQUIRE(schedule.waiting() == 100);
  for (int64_t request = 1; request <= 100; ++request) CHECK(schedule.take() == begin_ns + request * ms_ns);
  CHECK(schedule.waiting() == 0);
  CHECK(schedule.next_ns() == begin_ns + 101 * ms_ns);
}

TEST_CASE("looking at the clock twice does not make a request due twice") {
  bench::Schedule schedule{bench::ArrivalTimes{bench::Arrivals::poisson, 1000, 7, begin_ns}};
  for (int look = 0; look < 10; ++look) schedule.catch_up(begin_ns + 50 * ms_ns);
  const auto waiting = schedule.waiting();
  schedule.catch_up(begin_ns + 50 * ms_ns);
  CHECK(schedule.waiting() == waiting);
}

TEST_CASE("random arrivals are those of their seed, ascending, and as many as asked for") {
  const auto times = first_times(bench::Arrivals::poisson, 42, 20'000);
  CHECK(times == first_times(bench::Arrivals::poisson, 42, 20'000));
  CHECK(times != first_times(bench::Arrivals::poisson, 43, 20'000));
  for (std::size_t at = 1; at < times.size(); ++at) REQUIRE(times[at] >= times[at - 1]);
  const auto seconds = static_cast<double>(times.back() - begin_ns) / 1e9;
  CHECK(seconds == doctest::Approx(20).epsilon(0.03));
}

TEST_CASE("what is taken from a random schedule was due at the instants it was counted at") {
  bench::Schedule schedule{bench::ArrivalTimes{bench::Arrivals::poisson, 1000, 42, begin_ns}};
  const auto times = first_times(bench::Arrivals::poisson, 42, 100);
  schedule.catch_up(times[99]);
  REQUIRE(schedule.waiting() == 100);
  for (const auto time : times) CHECK(schedule.take() == time);
}
