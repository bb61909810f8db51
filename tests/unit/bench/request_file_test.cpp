#include "perf/bench/request_file.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

std::string problem(std::string_view text) { return bench::parse_requests(text, "requests").problem; }

std::string rendered(std::string_view text) {
  auto lines = bench::parse_requests(text, "requests");
  REQUIRE(lines);
  std::string out;
  for (const auto& line : *lines) bench::render(line, "127.0.0.1:80", out);
  return out;
}

}  // namespace

TEST_CASE("what a line says is what goes to the server") {
  CHECK(rendered("GET\t/v1/a?b=c\t-\t-\t-\t-\n") == "GET /v1/a?b=c HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
  CHECK(rendered("POST\t/h\tBearer abc\tkey-1\tOnsale-User: ada|X-Two: 2\t{\"seats\":[\"A-1\"]}") ==
        "POST /h HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer abc\r\nIdempotency-Key: key-1\r\n"
        "Onsale-User: ada\r\nX-Two: 2\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"
        "{\"seats\":[\"A-1\"]}");
  CHECK(rendered("DELETE\t/h\t-\t-\t-\t-\n") ==
        "DELETE /h HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Length: 0\r\n\r\n");
  CHECK(rendered("PUT\t/h\t-\t-\tcontent-type: text/plain\tx\n") ==
        "PUT /h HTTP/1.1\r\nHost: 127.0.0.1:80\r\ncontent-type: text/plain\r\nContent-Length: 1\r\n\r\nx");
}

TEST_CASE("a header that only mentions a content type does not stand for one") {
  CHECK(rendered("PUT\t/h\t-\t-\tX-Note: content-type: none\tx\n").find("application/json") != std::string::npos);
}

TEST_CASE("a line that cannot be sent is named by line and column before anything is sent") {
  const std::string good = "GET\t/\t-\t-\t-\t-\n";
  CHECK(problem("") == "requests: there is no request in it");
  CHECK(problem(good + "GET\t/\t-\t-\t-\n") ==
        "requests:2:1: 6 columns with a tab between them are needed, here are 5");
  CHECK(problem("GET\t/\t-\t-\t-\t-\t-\n") == "requests:1:1: 6 columns with a tab between them are needed, here are 7");
  CHECK(problem(good + "\n" + good) == "requests:2:1: 6 columns with a tab between them are needed, here are 1");
  CHECK(problem("get\t/\t-\t-\t-\t-\n").starts_with("requests:1:1: the method"));
  CHECK(problem("HEAD\t/\t-\t-\t-\t-\n").starts_with("requests:1:1: the method"));
  CHECK(problem("POST\tv1\t-\t-\t-\t-\n").starts_with("requests:1:6: the target"));
  CHECK(problem("GET\t-\t-\t-\t-\t-\n").starts_with("requests:1:5: the target"));
  CHECK(problem("GET\t/a b\t-\t-\t-\t-\n").starts_with("requests:1:5: the target"));
  CHECK(problem("GET\t/\tB\rearer\t-\t-\t-\n").starts_with("requests:1:7: this cannot"));
  CHECK(problem("GET\t/\t-\tk\xc3\xa9y\t-\t-\n").starts_with("requests:1:9: this cannot"));
  CHECK(problem("GET\t/\t-\t-\tA: 1|B\t-\n").starts_with("requests:1:16: headers"));
  CHECK(problem("GET\t/\t-\t-\t: 1\t-\n").starts_with("requests:1:11: headers"));
  CHECK(problem("GET\t/\t-\t-\t-\t-\r\n").starts_with("requests:1:14: lines end"));
}

TEST_CASE("a file that is not there is a sentence, not an empty run") {
  CHECK(bench::read_file("/nowhere/requests").problem == "/nowhere/requests: No such file or directory");
}
