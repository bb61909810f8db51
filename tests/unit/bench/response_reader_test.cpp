#include "perf/bench/response_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

struct Read {
  std::vector<int> statuses;
  bool good = true;
  bool in_the_middle = false;
  bool closing = false;
};

// The bytes in pieces that end at `cuts`.
Read read(std::string_view bytes, std::vector<std::size_t> cuts = {}) {
  Read result;
  bench::ResponseReader reader;
  cuts.push_back(bytes.size());
  std::size_t from = 0;
  for (const auto to : cuts) {
    const std::string piece{bytes.substr(from, to - from)};  // a copy, so that reading beyond its end is seen
    result.good = result.good && reader.read(piece, [&](int status) { result.statuses.push_back(status); });
    from = to;
  }
  result.in_the_middle = reader.in_the_middle();
  result.closing = reader.closing();
  return result;
}

const std::string plain =
    "HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 07:20:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 13\r\nX-Request-Id: 0123456789abcdef\r\n\r\n{\"a\":\"\r\n\r\n\"}\n";
const std::string empty = "HTTP/1.1 503 Service Unavailable\r\nconnection: keep-alive\r\ncontent-length:0\r\n\r\n";
const std::string bodiless = "HTTP/1.1 204 No Content\r\n\r\n";
const std::string last = "HTTP/1.1 404 Not Found\r\nConnection: Close\r\nContent-Length:  2\r\n\r\nno";

}  // namespace

TEST_CASE("an answer is counted once wherever its bytes are cut") {
  const auto stream = plain + empty + bodiless + last;
  const std::vector<int> statuses = {200, 503, 204, 404};
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); second += 1 + stream.size() / 40) {
      CAPTURE(first);
      CAPTURE(second);
      const auto found = read(stream, {first, second});
      REQUIRE(found.good);
      REQUIRE(found.statuses == statuses);
      REQUIRE_FALSE(found.in_the_middle);
      REQUIRE(found.closing);
    }
  }
}

TEST_CASE("an answer that comes byte by byte is an answer") {
  const auto stream = plain + empty + plain;
  std::vector<std::size_t> cuts;
  for (std::size_t at = 1; at < stream.size(); ++at) cuts.push_back(at);
  CHECK(read(stream, cuts).statuses == std::vector<int>{200, 503, 200});
}

TEST_CASE("half an answer is none") {
  const auto stream = plain + plain.substr(0, plain.size() - 1);
  const auto found = read(stream);
  CHECK(found.good);
  CHECK(found.statuses.size() == 1);
  CHECK(found.in_the_middle);
}

TEST_CASE("only the answer that says so closes") {
  CHECK(read(last).closing);
  CHECK_FALSE(read(last + plain).closing);
  CHECK_FALSE(read("HTTP/1.1 200 OK\r\nConnection: clos\r\nContent-Length: 0\r\n\r\n").closing);
  CHECK_FALSE(read("HTTP/1.1 200 OK\r\nX-Connection: close\r\nContent-Length: 0\r\n\r\n").closing);
}

TEST_CASE("what cannot be framed is an error at every cut, never an answer of another length") {
  for (const std::string head : {
           "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 100 Continue\r\n\r\n",
           "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nServer: x\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nX\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rx",
           "HTTP/1.1 200 OK\r\nDate: now\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\nx",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rContent: x\r\n\r\n",
           "HTTP/1.1 1:0 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "garbage\r\n\r\n",
       }) {
    for (std::size_t cut = 0; cut <= head.size(); ++cut) {
      CAPTURE(head);
      CAPTURE(cut);
      const auto found = read(head, {cut});
      REQUIRE_FALSE(found.good);
      REQUIRE(found.statuses.empty());
    }
  }
}
