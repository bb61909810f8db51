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

// The same outcome whole, cut in two at every place, byte by byte, and behind a valid request.
void check_every_cut(std::string_view bytes, const Outcome& whole) {
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    auto outcome = feed(bytes, {cut, bytes.size()});
    if (outcome != whole) FAIL_CHECK("cut at " << cut << ": " << outcome.detail << outcome.summary);
  }
  CHECK(feed_bytewise(bytes) == whole);
  constexpr std::string_view first = "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
  auto pipelined = std::string{first}.append(bytes);
  CHECK(feed_whole(pipelined).message_bytes == first.size());
  CHECK(feed_whole(std::string_view{pipelined}.substr(first.size())) == whole);
}

std::string with(std::string_view fields, std::string_view body = "") {
  return std::string{"POST /v1/x HTTP/1.1\r\nHost: a\r\n"}.append(fields).append("\r\n").append(body);
}

std::string line(std::string_view request_line) { return std::string{request_line} + "\r\nHost: a\r\n\r\n"; }

std::string many_fields(int count, std::string_view value = "1") {
  std::string all;
  for (int i = 0; i < count; ++i) all += "X-" + std::to_string(i) + ": " + std::string{value} + "\r\n";
  return all;
}

struct Refused {
  std::string damage;
  std::string bytes;
  Refusal refusal = Refusal::malformed;
};

std::vector<Refused> line_endings_and_controls() {
  using namespace std::string_literals;
  return {
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
      {"bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
      {"only LFs", "GET / HTTP/1.1\nHost: a\n\n"},
      {"bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"bare CR in a value", with("X: a\rb\r\n")},
      {"bare CR before a field", with("X: 1\r\n\rY: 2\r\n")},
      {"CR CR LF", with("X: 1\r\r\n")},
      {"folded line with a space", with("X: 1\r\n 2\r\n")},
      {"folded line with a tab", with("X: 1\r\n\t2\r\n")},
      {"folded Host", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"},
      {"space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"NUL in a value", with("X: a\0b\r\n"s)},
      {"NUL in a name", with("X\0: a\r\n"s)},
      {"NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"s},
      {"bell in a value", with("X: \x07\r\n")},
      {"escape in a value", with("X: \x1b[31m\r\n")},
      {"delete in a value", with("X: \x7f\r\n")},
      {"delete in the target", line("GET /\x7f HTTP/1.1")},
      {"vertical tab around a value", with("X:\x0b"
                                           "1\r\n")},
      {"form feed around a value", with("X: 1\x0c\r\n")},
      {"leading LF", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"leading CR", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two leading empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a TLS hello", "\x16\x03\x01\x02"s + "\0\x01"s},
  };
}

std::vector<Refused> request_lines() {
  return {
      {"no version", "GET /\r\nHost: a\r\n\r\n"},
      {"version 0.9", line("GET / HTTP/0.9")},
      {"version 2.0", line("GET / HTTP/2.0")},
      {"version 1.2", line("GET / HTTP/1.2")},
      {"version without a minor", line("GET / HTTP/1")},
      {"version with a long minor", line("GET / HTTP/1.10")},
      {"version in lower case", line("GET / http/1.1")},
      {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"another protocol", line("GET / RTSP/1.0")},
      {"another protocol with its own method", line("DESCRIBE / RTSP/1.0")},
      {"no target", line("GET HTTP/1.1")},
      {"empty target", line("GET  HTTP/1.1")},
      {"two blanks before the target", line("GET  / HTTP/1.1")},
      {"two blanks before the version", line("GET /  HTTP/1.1")},
      {"a tab instead of a blank", line("GET\t/ HTTP/1.1")},
      {"a blank behind the version", line("GET / HTTP/1.1 ")},
      {"a blank in the target", line("GET /a b HTTP/1.1")},
      {"method in lower case", line("get / HTTP/1.1")},
      {"unknown method", line("FROB / HTTP/1.1")},
      {"method with a separator", line("GE(T / HTTP/1.1")},
      {"method only", line("GET")},
      {"relative target", line("GET v1/events HTTP/1.1")},
      {"asterisk for another method than OPTIONS", line("GET * HTTP/1.1")},
      {"authority form for another method than CONNECT", line("GET a:80 HTTP/1.1")},
      {"absolute form without a host", line("GET http:///x HTTP/1.1")},
      {"absolute form with a user", line("GET http://u@a/x HTTP/1.1")},
      {"absolute form without a path", line("GET http://a HTTP/1.1")},
      {"absolute form of another scheme", line("GET ftp://a/x HTTP/1.1")},
      {"fragment in the target", line("GET /a#b HTTP/1.1")},
      {"backslash in the target", line("GET /a\\b HTTP/1.1")},
      {"escaped NUL in the path", line("GET /a%00b HTTP/1.1")},
      {"escaped NUL in the query", line("GET /a?b=%00 HTTP/1.1")},
      {"half an escape", line("GET /a%2 HTTP/1.1")},
      {"a lone percent", line("GET /a% HTTP/1.1")},
      {"an escape that is not hex", line("GET /a%zz HTTP/1.1")},
      {"bytes beyond ASCII in the target", line("GET /\xc3\xa4 HTTP/1.1")},
      {"a request line that never ends", "GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a request line one byte over the limit", line("GET /" + std::string(2048 - 14 + 1, 'a') + " HTTP/1.1")},
      {"CONNECT", line("CONNECT a:443 HTTP/1.1"), Refusal::not_implemented},
  };
}

std::vector<Refused> fields() {
  return {
      {"no Host in 1.1", "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", with("Host: b\r\n")},
      {"two Hosts of different case", with("HOST: a\r\n")},
      {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"},
      {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
      {"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {"Host with a comma-separated second", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
      {"blank before the colon", with("X : 1\r\n")},
      {"tab before the colon", with("X\t: 1\r\n")},
      {"empty name", with(": 1\r\n")},
      {"no colon", with("X\r\n")},
      {"name with a blank", with("X Y: 1\r\n")},
      {"name with a bracket", with("X(: 1\r\n")},
      {"name with a quote", with("\"X\": 1\r\n")},
      {"name beyond ASCII", with("X\xe9: 1\r\n")},
      {"Expect something else", with("Expect: 200-ok\r\n")},
      {"65 fields", with(many_fields(64)), Refusal::headers_too_large},
      {"1000 fields", with(many_fields(1000)), Refusal::headers_too_large},
      {"a field over the limit", with("X: " + std::string(9000, 'a') + "\r\n"), Refusal::headers_too_large},
      {"fields together over the limit", with(many_fields(60, std::string(160, 'a'))), Refusal::headers_too_large},
      {"a field that never ends", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(9000, 'a'),
       Refusal::headers_too_large},
  };
}

std::vector<Refused> framing() {
  return {
      {"Content-Length with a plus", with("Content-Length: +5\r\n", "12345")},
      {"negative Content-Length", with("Content-Length: -1\r\n")},
      {"negative zero Content-Length", with("Content-Length: -0\r\n")},
      {"hexadecimal Content-Length", with("Content-Length: 0x5\r\n", "12345")},
      {"Content-Length with an underscore", with("Content-Length: 1_0\r\n", "1234567890")},
      {"Content-Length with a fraction", with("Content-Length: 5.0\r\n", "12345")},
      {"Content-Length with a blank inside", with("Content-Length: 1 0\r\n", "1234567890")},
      {"empty Content-Length", with("Content-Length: \r\n")},
      {"Content-Length as a list of equals", with("Content-Length: 5, 5\r\n", "12345")},
      {"Content-Length as a list", with("Content-Length: 5, 6\r\n", "12345")},
      {"two equal Content-Lengths", with("Content-Length: 5\r\nContent-Length: 5\r\n", "12345")},
      {"two Content-Lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n", "123456")},
      {"Content-Length that wraps 64 bits", with("Content-Length: 18446744073709551621\r\n", "12345")},
      {"Content-Length with letters", with("Content-Length: five\r\n")},
      {"a body over the limit", with("Content-Length: 16385\r\n"), Refusal::body_too_large},
      {"a huge body", with("Content-Length: 999999999999\r\n"), Refusal::body_too_large},
      {"chunked", with("Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n0\r\n\r\n"), Refusal::not_implemented},
      {"chunked in capitals", with("TRANSFER-ENCODING: CHUNKED\r\n", "0\r\n\r\n"), Refusal::not_implemented},
      {"gzip encoding", with("Transfer-Encoding: gzip\r\n"), Refusal::not_implemented},
      {"gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), Refusal::not_implemented},
      {"chunked, gzip", with("Transfer-Encoding: chunked, gzip\r\n"), Refusal::not_implemented},
      {"an unknown encoding", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), Refusal::not_implemented},
      {"identity encoding", with("Transfer-Encoding: identity\r\n"), Refusal::not_implemented},
      {"empty Transfer-Encoding", with("Transfer-Encoding:\r\n"), Refusal::not_implemented},
      {"two Transfer-Encodings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       Refusal::not_implemented},
      {"Content-Length, then chunked", with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       Refusal::not_implemented},
      {"chunked, then Content-Length", with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
       Refusal::not_implemented},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refusal::not_implemented},
  };
}

void check_refused(const std::vector<Refused>& table) {
  for (const auto& vector : table) {
    CAPTURE(vector.damage);
    auto whole = feed_whole(vector.bytes);
    CHECK(whole.progress == Progress::refused);
    CHECK(static_cast<int>(whole.refusal) == static_cast<int>(vector.refusal));
    CHECK_FALSE(whole.detail.empty());
    check_every_cut(vector.bytes, whole);
  }
}

struct Accepted {
  std::string meaning;
  std::string bytes;
  std::optional<std::string> path;
  std::optional<std::string> body = "";
  bool keep_alive = true;
};

std::vector<Accepted> accepted() {
  return {
      {"the smallest request", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "/"},
      {"version 1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "/", "", false},
      {"version 1.0 that stays", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "/"},
      {"version 1.1 that goes", with("Connection: close\r\n"), "/v1/x", "", false},
      {"close among other options", with("Connection: foo, Close\r\n"), "/v1/x", "", false},
      {"one empty line before it", "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", "/a"},
      {"a body", with("Content-Length: 2\r\n", "{}"), "/v1/x", "{}"},
      {"a body of zero", with("Content-Length: 0\r\n"), "/v1/x"},
      {"a length with leading zeros", with("Content-Length: 0002\r\n", "{}"), "/v1/x", "{}"},
      {"a length with blanks around it", with("Content-Length: \t 2  \r\n", "{}"), "/v1/x", "{}"},
      {"a body that looks like a request", with("Content-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n"), "/v1/x",
       "GET / HTTP/1.1\r\n\r\n"},
      {"a body with any byte", with("Content-Length: 3\r\n", "\x01\xff\n"), "/v1/x", "\x01\xff\n"},
      {"a GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "/", "x"},
      {"expects to be asked for the body", with("Expect: 100-continue\r\nContent-Length: 1\r\n", "x"), "/v1/x", "x"},
      {"expects anything in 1.0", "GET / HTTP/1.0\r\nExpect: foo\r\n\r\n", "/", "", false},
      {"absolute form", line("GET http://example.org:80/a/b?c HTTP/1.1"), "/a/b"},
      {"absolute form, secure, in capitals", line("GET HTTPS://[::1]/ HTTP/1.1"), "/"},
      {"asterisk", line("OPTIONS * HTTP/1.1"), "*"},
      {"an upgrade to what is not spoken here",
       with("Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n", "{}"), "/v1/x", "{}"},
      {"a web socket's upgrade", with("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "/v1/x"},
      {"64 fields", with(many_fields(63)), "/v1/x"},
      {"a tab in a value", with("X: a\tb\r\n"), "/v1/x"},
      {"text beyond ASCII in a value", with("X: \xc3\xa4\r\n"), "/v1/x"},
      {"an empty value", with("X:\r\nY: \t \r\n"), "/v1/x"},
      {"no blank before the value", with("X:1\r\n"), "/v1/x"},
      {"every token character in a name", with("!#$%&'*+-.^_`|~09azAZ: 1\r\n"), "/v1/x"},
      {"PATCH", line("PATCH /a HTTP/1.1"), "/a"},
      {"empty segments", line("GET //a//b/ HTTP/1.1"), "//a//b/"},
      {"dots stay as they are", line("GET /a/../b/./c HTTP/1.1"), "/a/../b/./c"},
      {"the longest request line", line("GET /" + std::string(2048 - 14, 'a') + " HTTP/1.1"), std::nullopt},
      {"the longest fields", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(8192 - 9 - 3 - 2 - 2, 'a') + "\r\n\r\n",
       "/"},
      {"the longest body", with("Content-Length: 16384\r\n", std::string(16384, 'x')), "/v1/x", std::nullopt},
  };
}

}  // namespace

TEST_CASE("line endings and control bytes that two servers could read differently are refused however they are cut") {
  check_refused(line_endings_and_controls());
}
TEST_CASE("request lines that are not METHOD target HTTP/1.x are refused however they are cut") {
  check_refused(request_lines());
}
TEST_CASE("malformed and excessive header fields are refused however they are cut") { check_refused(fields()); }
TEST_CASE("every unclear length of a body is refused however it is cut") { check_refused(framing()); }

TEST_CASE("sound requests are read the same however they are cut") {
  for (const auto& vector : accepted()) {
    CAPTURE(vector.meaning);
    auto whole = feed_whole(vector.bytes);
    CAPTURE(whole.detail);
    CHECK(whole.progress == Progress::complete);
    CHECK(whole.message_bytes == vector.bytes.size());
    auto& request = shared_request();
    RequestReader reader;
    Exact memory{vector.bytes};
    static_cast<void>(reader.read(memory.view(), request));
    if (vector.path) CHECK(request.path() == *vector.path);
    if (vector.body) CHECK(request.body() == *vector.body);
    CHECK(request.keep_alive() == vector.keep_alive);
    check_every_cut(vector.bytes, whole);
  }
}

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
