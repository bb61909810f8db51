#include "perf/bench/tally.hpp"

#include <doctest/doctest.h>

namespace {

constexpr int64_t begin_ns = 1'000'000'000'000, second_ns = 1'000'000'000, us_ns = 1000;

bench::Tally two_seconds() {
  bench::StatusSet expect;
  expect.set(200);
  bench::Tally tally{expect, 2};
  tally.open_window(begin_ns, begin_ns + 2 * second_ns);
  return tally;
}

}  // namespace

TEST_CASE("only answers of the measured window count, so warming up makes no figure better") {
  auto tally = two_seconds();
  tally.answered(200, begin_ns - 500 * us_ns, begin_ns - 1);
  tally.answered(200, begin_ns - 500 * us_ns, begin_ns);
  tally.answered(200, begin_ns, begin_ns + 2 * second_ns - 1);
  tally.answered(200, begin_ns, begin_ns + 2 * second_ns);
  CHECK(tally.requests() == 2);
  CHECK(tally.expected().count() == 2);
  CHECK(tally.last_answer_ns() == begin_ns + 2 * second_ns - 1);
  CHECK(tally.timeline()[0].requests == 1);
  CHECK(tally.timeline()[1].requests == 1);
}

TEST_CASE("a quick refusal does not make the answers look quick") {
  auto tally = two_seconds();
  tally.answered(200, begin_ns, begin_ns + 900 * us_ns);
  for (int refusal = 0; refusal < 99; ++refusal) tally.answered(503, begin_ns, begin_ns + 10 * us_ns);
  CHECK(tally.requests() == 100);
  CHECK(tally.statuses()[503] == 99);
  CHECK(tally.expected().percentile_us(50) == 900);
  CHECK(tally.refusals().percentile_us(99) == 10);
  CHECK(tally.timeline()[0].expected == 1);
  CHECK(tally.timeline()[0].latencies.max_us() == 900);
}

TEST_CASE("what two threads saw adds up") {
  auto one = two_seconds(), other = two_seconds();
  one.answered(200, begin_ns, begin_ns + 100 * us_ns);
  one.connected(30 * us_ns);
  one.received(10, begin_ns);
  one.lost.reset = 2;
  other.answered(404, begin_ns, begin_ns + second_ns);
  other.received(5, begin_ns + 1);
  other.lost.reset = 1;
  other.connections.refused = 4;
  other.backlog_max = 7;
  auto sum = two_seconds();
  sum.add(one);
  sum.add(other);
  CHECK(sum.requests() == 2);
  CHECK(sum.statuses()[200] == 1);
  CHECK(sum.statuses()[404] == 1);
  CHECK(sum.last_answer_ns() == begin_ns + second_ns);
  CHECK(sum.bytes_received() == 15);
  CHECK(sum.lost.reset == 3);
  CHECK(sum.connections.opened == 1);
  CHECK(sum.connections.refused == 4);
  CHECK(sum.connects().max_us() == 30);
  CHECK(sum.backlog_max == 7);
  CHECK(sum.timeline()[0].requests == 1);
  CHECK(sum.timeline()[1].requests == 1);
}
