#include "perf/bench/head_counter.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

uint32_t counted_in(std::string_view stream, std::size_t first, std::size_t second) {
  bench::HeadCounter counter;
  uint32_t found = counter.count(std::string{stream.substr(0, first)});
  found += counter.count(std::string{stream.substr(first, second - first)});
  return found + counter.count(std::string{stream.substr(second)});
}

}  // namespace

TEST_CASE("a head is counted once wherever the stream is cut, so nobody waits for an answer and none is doubled") {
  struct Case {
    std::string stream;
    uint32_t heads;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n\r\n", 3},
      {"\r\n\r\n\r\n\r\n", 2},
      {"\r\n\r\r\n\r\n", 1},
      {"\r\r\n\r\n\n\r\n", 1},
      {"\n\r\n\r\n\r", 1},
      {"a\r\n\rb\r\n\r\n", 1},
      {"\r\n\n\r\n\r", 0},
      {"abcdefgh", 0},
      {"", 0},
  };
  for (const auto& [stream, heads] : cases) {
    for (std::size_t first = 0; first <= stream.size(); ++first) {
      for (auto second = first; second <= stream.size(); ++second) {
        CAPTURE(stream);
        CAPTURE(first);
        CAPTURE(second);
        REQUIRE(counted_in(stream, first, second) == heads);
      }
    }
  }
}
