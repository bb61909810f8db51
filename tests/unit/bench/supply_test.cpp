#include "perf/bench/supply.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace {

struct Made {
  Made(uint32_t lines, bench::Order order, uint32_t connections, uint32_t pipeline) {
    for (uint32_t line = 0; line < lines; ++line) text += "GET\t/" + std::to_string(line) + "\t-\t-\t-\t-\n";
    auto parsed = bench::parse_requests(text, "requests");
    REQUIRE(parsed);
    supply = bench::Supply{*parsed, "h", order, connections, pipeline};
  }
  std::string text;
  bench::Supply supply;
};

std::string request(uint32_t line) { return "GET /" + std::to_string(line) + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

}  // namespace

TEST_CASE("every request belongs to exactly one connection, whatever the numbers") {
  for (uint32_t lines : {1u, 2u, 7u, 64u, 100u}) {
    for (uint32_t connections : {1u, 3u, 64u, 100u}) {
      CAPTURE(lines);
      CAPTURE(connections);
      const Made made{lines, bench::Order::once, connections, 4};
      std::map<std::string, int> seen;
      for (uint32_t connection = 0; connection < connections; ++connection) {
        const auto share = made.supply.share(connection);
        for (uint32_t at = 0; at < share.count; ++at) ++seen[std::string{made.supply.bytes(share.first + at, 1)}];
      }
      REQUIRE(seen.size() == lines);
      for (const auto& [bytes, times] : seen) REQUIRE(times == 1);
    }
  }
}

TEST_CASE("a pipeline that passes the end of a share begins it again, in one piece") {
  const Made made{7, bench::Order::cycle, 2, 5};  // shares of three and four
  const auto share = made.supply.share(0);
  REQUIRE(share.count == 3);
  for (uint32_t at = 0; at < share.count; ++at) {
    std::string wanted;
    for (uint32_t next = at; next < at + 5; ++next) wanted += request(next % 3);
    CHECK(made.supply.bytes(share.first + at, 5) == wanted);
  }
}

TEST_CASE("fewer requests than connections: all have something to ask, unless each is sent once") {
  const Made again{2, bench::Order::cycle, 5, 3};
  for (uint32_t connection = 0; connection < 5; ++connection) {
    const auto share = again.supply.share(connection);
    REQUIRE(share.count == 1);
    CHECK(again.supply.bytes(share.first, 3) ==
          request(connection % 2) + request(connection % 2) + request(connection % 2));
  }
  const Made once{2, bench::Order::once, 5, 3};
  CHECK(once.supply.share(1).count == 1);
  CHECK(once.supply.share(2).count == 0);
}
