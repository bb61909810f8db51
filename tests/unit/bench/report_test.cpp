#include "perf/bench/report.hpp"

#include <doctest/doctest.h>
#include <simdjson.h>

#include <string>

namespace {

constexpr int64_t begin_ns = 1'000'000'000'000, second_ns = 1'000'000'000, ms_ns = 1'000'000;

// 100 answers of 1 to 100 ms in the first second and a refusal in the second one, of ten that were asked for.
bench::LoadResult ended_early() {
  bench::StatusSet expect;
  expect.set(200);
  bench::LoadResult result{bench::Tally{expect, 10}, 1.5};
  result.tally.open_window(begin_ns, begin_ns + 10 * second_ns);
  for (int64_t answer = 1; answer <= 100; ++answer) {
    result.tally.answered(200, begin_ns, begin_ns + answer * ms_ns);
  }
  result.tally.answered(503, begin_ns + second_ns, begin_ns + second_ns + 2 * ms_ns);
  result.tally.lost.reset = 3;
  result.tally.cpu_ns = 101 * 5000;
  return result;
}

}  // namespace

TEST_CASE("the report says what was counted, in JSON that a program reads") {
  simdjson::dom::parser parser;
  const auto report = parser.parse(bench::json_report({}, ended_early())).value();
  CHECK(std::string_view{report["loop"]} == "closed");
  CHECK(uint64_t{report["requests"]} == 101);
  CHECK(uint64_t{report["expected"]} == 100);
  CHECK(uint64_t{report["statuses"]["503"]} == 1);
  CHECK(uint64_t{report["errors"]["reset"]} == 3);
  CHECK(uint64_t{report["latency_us"]["max"]} == 100'000);
  CHECK(double(report["latency_us"]["p50"]) == doctest::Approx(50'000).epsilon(0.001));
  CHECK(uint64_t{report["refusal_latency_us"]["count"]} == 1);
  CHECK(double(report["requests_per_second"]) == doctest::Approx(101 / 1.5).epsilon(0.001));
  CHECK(double(report["client_cpu_us_per_request"]) == doctest::Approx(5));
}

TEST_CASE("seconds that were not measured are not reported as seconds without an answer") {
  simdjson::dom::parser parser;
  const auto report = parser.parse(bench::json_report({}, ended_early())).value();
  const simdjson::dom::array timeline = report["timeline"];
  REQUIRE(timeline.size() == 2);
  CHECK(uint64_t{timeline.at(0)["expected"]} == 100);
  CHECK(uint64_t{timeline.at(1)["requests"]} == 1);
  CHECK(uint64_t{timeline.at(1)["expected"]} == 0);
}

TEST_CASE("the table names refusals apart, and the backlog of an open loop") {
  bench::LoadOptions open;
  open.rate = 100;
  const auto table = bench::table_report(open, ended_early());
  CHECK(table.find("200: 100 503: 1") != std::string::npos);
  CHECK(table.find("refused") != std::string::npos);
  CHECK(table.find("backlog") != std::string::npos);
  CHECK(bench::table_report({}, ended_early()).find("backlog") == std::string::npos);
}
