// While it measures, the generator takes no memory: what it took would be charged to the server.
#include "tests/integration/net/allocations.hpp"

#include <doctest/doctest.h>

#include <string>

#include "perf/bench/bare.hpp"
#include "perf/bench/lane.hpp"
#include "perf/bench/machine.hpp"

namespace {

// What a whole run of one lane takes, on this thread.
uint64_t allocations_of(uint32_t requests, uint16_t port, uint32_t churn, double rate) {
  bench::LoadOptions options;
  options.connections = 16;
  options.pipeline = 4;
  options.seconds = 60;  // it ends when the supply does
  options.order = bench::Order::once;
  options.warm_up_seconds = 0;
  options.churn = churn;
  options.rate = rate;
  options.expect.set(200);
  std::string text;
  for (uint32_t request = 0; request < requests; ++request) text += "GET\t/\t-\t-\t-\t-\n";
  const auto lines = bench::parse_requests(text, "requests");
  REQUIRE(lines);
  const bench::Supply supply{*lines.value, "h", options.order, options.connections, options.pipeline};
  bench::Destination destination;
  destination.size = net::IpAddress::parse("127.0.0.1")->write(port, destination.storage);
  const bench::Plan plan{options, supply, {destination}};
  bench::Control control;
  control.begin_ns = bench::clock_ns();
  bench::Lane lane{plan, 0};
  const auto before = allocations::of_this_thread();
  const auto status = lane.run(control);
  const auto taken = allocations::of_this_thread() - before;
  REQUIRE_MESSAGE(status, status.problem);
  REQUIRE(lane.tally().requests() == requests);
  return taken;
}

}  // namespace

TEST_CASE("a run that asks more takes no more memory") {
  bench::Bare bare{bench::BareOptions{}};
  const auto started = bare.start();
  REQUIRE_MESSAGE(started, started.problem);
  struct Kind {
    uint32_t churn;
    double rate;
  };
  for (const auto [churn, rate] : {Kind{0, 0}, Kind{10, 0}, Kind{0, 20'000}}) {
    CAPTURE(churn);
    CAPTURE(rate);
    CHECK(allocations_of(8000, bare.port(), churn, rate) == allocations_of(400, bare.port(), churn, rate));
  }
}
