// What a request gives to its handler, and how the reader is fed. Which streams are requests at all is in the table of
// tests/hostile, read by hostile_vectors_test.cpp.
#include "net/wire/http_request.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using net::http::Refusal;
using net::http::Request;
using net::http::RequestReader;
using Progress = net::http::RequestReader::Progress;

// Bytes in memory of exactly their size and the promised slack, so that a sanitizer sees any look beyond.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_{text.size()}, memory_{std::make_unique<char[]>(text.size() + 64)} {
    std::memcpy(memory_.get(), text.data(), text.size());
  }
  std::string_view view() const { return {memory_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> memory_;
};

// What came out of feeding one message: everything a handler or a client could tell apart.
struct Outcome {
  Progress progress = Progress::more;
  Refusal refusal = Refusal::none;
  std::string detail, summary;
  std::size_t message_bytes = 0;
  bool operator==(const Outcome&) const = default;
};

std::string summary(Request& request) {
  std::string all;
  for (auto part : {request.method(), request.path(), request.raw_query(), request.body()}) all.append(part) += '\n';
  for (const auto& field : request) all.append(field.name).append("=").append(field.value) += '\n';
  for (uint32_t at = 0; at < request.segment_count() && at < Request::segments_max; ++at) {
    all.append("/").append(request.segment(at));
  }
  return all + (request.keep_alive() ? " keep" : " close") + (request.minor_version() == 1 ? " 1.1" : " 1.0");
}

Request& shared_request() {
  static Request request;
  return request;
}

// Feeds the lengths in order, each time from a fresh place in memory.
Outcome feed(std::string_view bytes, const std::vector<std::size_t>& lengths) {
  RequestReader reader;
  Outcome outcome;
  for (auto length : lengths) {
    Exact memory{bytes.substr(0, length)};
    auto& request = shared_request();
    outcome.progress = reader.read(memory.view(), request);
    if (outcome.progress == Progress::more) continue;
    if (outcome.progress == Progress::complete) {
      outcome.summary = summary(request);
      outcome.message_bytes = reader.message_bytes();
    } else {
      outcome.refusal = reader.refusal();
      outcome.detail = reader.detail();
    }
    break;
  }
  return outcome;
}

Outcome feed_whole(std::string_view bytes) { return feed(bytes, {bytes.size()}); }

Outcome feed_bytewise(std::string_view bytes) {
  std::vector<std::size_t> lengths;
  for (std::size_t length = 1; length <= bytes.size(); ++length) lengths.push_back(length);
  return feed(bytes, lengths);
}

std::string with(std::string_view fields, std::string_view body = "") {
  return std::string{"POST /v1/x HTTP/1.1\r\nHost: a\r\n"}.append(fields).append("\r\n").append(body);
}

std::string line(std::string_view request_line) { return std::string{request_line} + "\r\nHost: a\r\n\r\n"; }

}  // namespace

TEST_CASE("random bytes and damaged requests have one outcome, however they are cut") {
  std::mt19937 random{7};
  auto sample = with("Content-Length: 5\r\nCookie: a=b\r\nExpect: 100-continue\r\n", "12345");
  for (int round = 0; round < 3000; ++round) {
    auto bytes = sample;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      constexpr std::string_view alphabet = "\r\n\t :/%?#ax0\x01\xff";
      auto at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          bytes.erase(at, 1);
          break;
        default:
          bytes.insert(at, 1, alphabet[random() % alphabet.size()]);
      }
    }
    auto whole = feed_whole(bytes);
    auto bytewise = feed_bytewise(bytes);
    CAPTURE(bytes);
    CHECK(bytewise == whole);
    auto cut = random() % bytes.size() + 1;
    CHECK(feed(bytes, {cut, bytes.size()}) == whole);
  }
}

TEST_CASE("bytes behind a request belong to the next one") {
  auto bytes = with("Content-Length: 2\r\n", "{}GET /next HTTP/1.1\r\n");
  CHECK(feed_whole(bytes).message_bytes == bytes.size() - 20);
}

TEST_CASE("a client that waits for 100 Continue is asked once, and not when its body comes anyway") {
  auto head = with("Expect: 100-continue\r\nContent-Length: 3\r\n");
  RequestReader reader;
  CHECK(reader.read(Exact{head}.view(), shared_request()) == Progress::more);
  CHECK(reader.take_continue());
  CHECK_FALSE(reader.take_continue());
  CHECK(reader.read(Exact{head + "ab"}.view(), shared_request()) == Progress::more);
  CHECK_FALSE(reader.take_continue());
  CHECK(reader.read(Exact{head + "abc"}.view(), shared_request()) == Progress::complete);
  RequestReader eager;
  CHECK(eager.read(Exact{head + "a"}.view(), shared_request()) == Progress::more);
  CHECK_FALSE(eager.take_continue());
}

namespace {

Request& parsed(const Exact& memory) {
  RequestReader reader;
  REQUIRE(reader.read(memory.view(), shared_request()) == Progress::complete);
  return shared_request();
}

}  // namespace

TEST_CASE("queries are split and decoded, whatever is in them") {
  Exact memory{line("GET /a?x=1&y=a%20b+c&z&&=v&x=2&e%71=q&t=a=b HTTP/1.1")};
  auto& request = parsed(memory);
  CHECK(request.query("x") == "1");
  CHECK(request.query("y") == "a b c");
  CHECK(request.query("z") == "");
  CHECK(request.query("") == "v");
  CHECK(request.query("eq") == "q");
  CHECK(request.query("t") == "a=b");
  CHECK(request.query("none") == std::nullopt);
  CHECK(request.query("y") == "a b c");
}

TEST_CASE("a query of nothing but escapes fits its buffer") {
  std::string query;
  while (query.size() + 3 < 2000) query += "%41";
  Exact memory{line("GET /a?" + query + " HTTP/1.1")};
  auto& request = parsed(memory);
  CHECK(request.query(std::string(query.size() / 3, 'A')) == "");
}

TEST_CASE("cookies are found among others, in several fields, with quotes and blanks") {
  Exact memory{with("Cookie: a=1; onsale_ticket_e=tok; b=\"q\"\r\nX: y\r\ncookie:  c = 3 ;d\r\n")};
  auto& request = parsed(memory);
  CHECK(request.cookie("a") == "1");
  CHECK(request.cookie("onsale_ticket_e") == "tok");
  CHECK(request.cookie("b") == "q");
  CHECK(request.cookie("c") == "3");
  CHECK(request.cookie("d") == std::nullopt);
  CHECK(request.cookie("onsale_ticket") == std::nullopt);
}

TEST_CASE("header names are compared without case and the first value is given, trimmed") {
  Exact memory{with("X-Forwarded-For: 1\r\nx-forwarded-for:  2 \r\n")};
  auto& request = parsed(memory);
  CHECK(request.header("x-Forwarded-FOR") == "1");
  CHECK(request.header_count("X-FORWARDED-FOR") == 2);
  CHECK((request.end() - 1)->value == "2");
  CHECK(request.header("none").empty());
}

TEST_CASE("a path of more segments than any route has is counted, not stored") {
  Exact memory{line("GET /1/2/3/4/5/6/7/8/9/10 HTTP/1.1")};
  CHECK(parsed(memory).segment_count() > Request::segments_max);
  Exact eight{line("GET /1/2/3/4/5/6/7/8 HTTP/1.1")};
  CHECK(parsed(eight).segment_count() == 8);
  CHECK(parsed(eight).segment(7) == "8");
}
