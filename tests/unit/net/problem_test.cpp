#include "net/problem.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("every code finds itself by its word and has the class of an error") {
  for (uint32_t at = 0; at < net::codes; ++at) {
    auto code = static_cast<net::Code>(at);
    const auto& entry = net::entry(code);
    CHECK(entry.code == code);
    CHECK(net::code_of(entry.word) == code);
    CHECK(static_cast<int>(entry.status) >= 400);
    CHECK_FALSE(entry.title.empty());
  }
  CHECK_FALSE(net::code_of("ok"));
  CHECK_FALSE(net::code_of(""));
}

TEST_CASE("a problem is one JSON object, whatever the detail holds") {
  core::TextBuffer out;
  net::write_problem(out, net::Code::seat_taken, "seat \"A-1-3\"\n", ",\"seats\":[\"A-1-3\"]");
  CHECK(out.view() ==
        "{\"type\":\"urn:onsale:problem:seat_taken\",\"title\":\"Not all of the seats are free\",\"status\":409,"
        "\"detail\":\"seat \\u0022A-1-3\\u0022\\u000a\",\"code\":\"seat_taken\",\"seats\":[\"A-1-3\"]}");
}
