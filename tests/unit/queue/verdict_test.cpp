#include "queue/verdict.hpp"

#include <doctest/doctest.h>

#include <string>

using queue::Verdict;

namespace {

Verdict read(const std::string& resp) {
  const auto view = net::resp::parse(resp);
  REQUIRE_MESSAGE(view, resp);
  return Verdict::read(*view);
}

}  // namespace

TEST_CASE("only an array that begins with ok is a yes") {
  CHECK(read("*1\r\n$2\r\nok\r\n").ok());
  CHECK(read("*2\r\n+ok\r\n:1\r\n").ok());
  for (const std::string no : {"$2\r\nok\r\n", "+ok\r\n", "*1\r\n*1\r\n$2\r\nok\r\n", "*1\r\n-ok\r\n", "*0\r\n",
                               "$-1\r\n", ":0\r\n", "*1\r\n$2\r\nOK\r\n", "-ERR no\r\n"}) {
    CAPTURE(no);
    CHECK(!read(no).ok());
  }
}

TEST_CASE("a word of the contract is a refusal with its code, any other word is unknown") {
  CHECK(read("*1\r\n$7\r\nsold_ou\r\n").kind == Verdict::Kind::unknown);
  CHECK(read("*1\r\n$8\r\nsold_out\r\n").code_is(net::Code::sold_out));
  CHECK(read("*1\r\n$10\r\nhold_limit\r\n").code_is(net::Code::hold_limit));
  CHECK(!read("*1\r\n$8\r\nsold_out\r\n").code_is(net::Code::hold_limit));
  CHECK(!read("*1\r\n$2\r\nok\r\n").code_is(net::Code{}));
}

TEST_CASE("another epoch is said for the whole call, never for one item") {
  CHECK(read("$5\r\nstale\r\n").stale());
  CHECK(!read("*1\r\n$5\r\nstale\r\n").stale());
  CHECK(!read("-stale\r\n").stale());
}
