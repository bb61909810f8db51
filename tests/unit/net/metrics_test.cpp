#include "net/metrics.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "net/loop.hpp"
#include "net/server.hpp"

TEST_CASE("the cores' numbers are summed, and each has its name in the text") {
  net::ServerMetrics a, b;
  a.requests.add(3);
  b.requests.add(4);
  a.connections.set(5);
  b.responses[4].add();
  b.slow_readers_cut.add(2);
  net::LoopMetrics loop;
  loop.turns.add(9);
  core::Metrics metrics{1};
  metrics.add_source([&](core::MetricsText& text) {
    std::array<const net::ServerMetrics*, 2> servers{&a, &b};
    std::array<const net::LoopMetrics*, 1> loops{&loop};
    net::write_metrics(text, servers);
    net::write_metrics(text, loops);
  });
  auto text = metrics.render();
  for (auto line : {"onsale_http_requests_total 7\n", "onsale_http_connections 5\n", "onsale_loop_turns_total 9\n",
                    "onsale_http_responses_total{class=\"5xx\"} 1\n",
                    "onsale_http_connections_cut_total{cause=\"slow_reader\"} 2\n"}) {
    CAPTURE(std::string{line});
    CHECK(text.find(line) != std::string::npos);
  }
}
