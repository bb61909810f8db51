#include "core/metrics.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

using core::Metrics;

namespace {

bool has(std::string_view text, std::string_view line) {
  return text.starts_with(line) || text.find("\n" + std::string{line} + "\n") != text.npos;
}

}  // namespace

TEST_CASE("counters of all threads are summed, series of one name stand together") {
  Metrics metrics{2};
  const auto joined = metrics.counter("requests_total", "Requests.", {{"route", "join"}});
  const auto other = metrics.counter("other_total", "Another.");
  const auto polled = metrics.counter("requests_total", "Requests.", {{"route", "poll"}, {"code", "200"}});
  metrics.shard(0).add(joined);
  metrics.shard(1).add(joined, 2);
  metrics.shard(1).add(polled, 40);
  metrics.shard(0).add(other, 5);
  CHECK(metrics.render() ==
        "# HELP onsale_requests_total Requests.\n"
        "# TYPE onsale_requests_total counter\n"
        "onsale_requests_total{route=\"join\"} 3\n"
        "onsale_requests_total{route=\"poll\",code=\"200\"} 40\n"
        "# HELP onsale_other_total Another.\n"
        "# TYPE onsale_other_total counter\n"
        "onsale_other_total 5\n");
}

TEST_CASE("a gauge may fall, also below zero on one thread") {
  Metrics metrics{2};
  const auto gauge = metrics.gauge("connections", "Open.");
  metrics.shard(0).set(gauge, 10);
  metrics.shard(0).add(gauge, -3);
  metrics.shard(1).add(gauge, -2);
  CHECK(has(metrics.render(), "onsale_connections 5"));
  metrics.shard(0).set(gauge, 0);
  CHECK(has(metrics.render(), "onsale_connections -2"));
}

TEST_CASE("a histogram's buckets are cumulative, its ends inclusive, its unit seconds") {
  Metrics metrics{1};
  static constexpr std::array<uint64_t, 3> bounds = {250, 1000, 2500};
  const auto duration = metrics.histogram("wait_seconds", "Waited.", bounds, 1e6);
  for (const uint64_t value_us : {0, 250, 251, 1000, 2500, 2501, 10'000'000})
    metrics.shard(0).observe(duration, value_us);
  CHECK(metrics.render() ==
        "# HELP onsale_wait_seconds Waited.\n"
        "# TYPE onsale_wait_seconds histogram\n"
        "onsale_wait_seconds_bucket{le=\"0.00025\"} 2\n"
        "onsale_wait_seconds_bucket{le=\"0.001\"} 4\n"
        "onsale_wait_seconds_bucket{le=\"0.0025\"} 5\n"
        "onsale_wait_seconds_bucket{le=\"+Inf\"} 7\n"
        "onsale_wait_seconds_sum 10.006502\n"
        "onsale_wait_seconds_count 7\n");
}

TEST_CASE("the common bounds of durations are told apart in the text") {
  Metrics metrics{1};
  metrics.histogram("d_seconds", "D.", core::duration_bounds_us, 1e6, {{"step", "hold"}});
  const auto text = metrics.render();
  for (const auto* end :
       {"0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1", "5"}) {
    CHECK(has(text, "onsale_d_seconds_bucket{step=\"hold\",le=\"" + std::string{end} + "\"} 0"));
  }
}

TEST_CASE("a label's value cannot break out of its quotes") {
  Metrics metrics{1};
  metrics.counter("x_total", "Line\nand \\.", {{"event", "a\"b\\c\nd"}});
  const auto text = metrics.render();
  CHECK(has(text, "# HELP onsale_x_total Line\\nand \\\\."));
  CHECK(has(text, "onsale_x_total{event=\"a\\\"b\\\\c\\nd\"} 0"));
}

TEST_CASE("numbers that others keep are written when somebody looks") {
  Metrics metrics{1};
  uint64_t turns = 0;
  metrics.add_source([&](core::MetricsText& text) {
    text.counter("turns_total", "Turns.");
    text.sample(turns, {{"core", "0"}});
    text.gauge("lag_seconds", "Lag.");
    text.sample(0.25);
    text.sample(int64_t{-1}, {{"core", "1"}});
  });
  turns = 7;
  CHECK(metrics.render() ==
        "# HELP onsale_turns_total Turns.\n# TYPE onsale_turns_total counter\nonsale_turns_total{core=\"0\"} 7\n"
        "# HELP onsale_lag_seconds Lag.\n# TYPE onsale_lag_seconds gauge\nonsale_lag_seconds 0.25\n"
        "onsale_lag_seconds{core=\"1\"} -1\n");
}

TEST_CASE("nothing is lost while threads count and another one looks") {
  Metrics metrics{4};
  const auto counter = metrics.counter("n_total", "N.");
  std::vector<std::thread> threads;
  for (uint32_t at = 0; at < 4; ++at) {
    threads.emplace_back([&, at] {
      for (int count = 0; count < 100'000; ++count) metrics.shard(at).add(counter);
    });
  }
  for (int at = 0; at < 20; ++at) CHECK_FALSE(metrics.render().empty());
  for (auto& thread : threads) thread.join();
  CHECK(has(metrics.render(), "onsale_n_total 400000"));
}
