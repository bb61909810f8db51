// RESP: every sample at every split point, thousands of generated replies against hiredis, and hostile lengths.
#include "net/wire/resp.hpp"

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

using net::resp::Kind;
using net::resp::Scanner;
using net::resp::View;
using State = net::resp::Scanner::State;

namespace {

const std::vector<std::string>& samples() {
  static const std::vector<std::string> all = {"+OK\r\n",
                                               "+\r\n",
                                               "-ERR no\r\n",
                                               "-\r\n",
                                               ":0\r\n",
                                               ":-1\r\n",
                                               ":9223372036854775807\r\n",
                                               ":-9223372036854775808\r\n",
                                               "$0\r\n\r\n",
                                               "$5\r\nhello\r\n",
                                               "$-1\r\n",
                                               "$2\r\n\r\n\r\n",
                                               "$7\r\n$3\r\nabc\r\n",
                                               "*0\r\n",
                                               "*-1\r\n",
                                               "*1\r\n:1\r\n",
                                               "*3\r\n+a\r\n$1\r\nb\r\n:3\r\n",
                                               "*2\r\n*0\r\n*-1\r\n",
                                               "*2\r\n*2\r\n$2\r\nok\r\n:7\r\n*1\r\n$4\r\nheld\r\n",
                                               "*1\r\n*1\r\n*1\r\n*2\r\n:1\r\n$-1\r\n",
                                               "*1\r\n-ERR inside\r\n",
                                               "$12\r\n0123456789ab\r\n"};
  return all;
}

// A copy that ends where it ends: reading one byte further is an error that sanitizers see.
std::vector<char> exact(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }

State scan_once(std::string_view bytes, std::size_t bytes_max = core::limits::reply_bytes_max) {
  Scanner scanner{bytes_max};
  const auto copy = exact(bytes);
  return scanner.scan({copy.data(), copy.size()});
}

// Everything a view says, in one line that can be compared.
std::string told(View view) {
  switch (view.kind()) {
    case Kind::null:
      return "null";
    case Kind::integer:
      return "int(" + std::to_string(view.integer()) + ")";
    case Kind::error:
      return "error(" + std::string{view.text()} + ")";
    case Kind::text:
      return "text(" + std::string{view.text()} + ")";
    case Kind::array:
      break;
  }
  std::string all = "[";
  for (auto element : view) all += told(element) + ",";
  return all + "]";
}

std::string told(const redisReply& reply) {
  const auto text = [&] { return std::string{reply.str, static_cast<std::size_t>(reply.len)}; };
  switch (reply.type) {
    case REDIS_REPLY_NIL:
      return "null";
    case REDIS_REPLY_INTEGER:
      return "int(" + std::to_string(reply.integer) + ")";
    case REDIS_REPLY_ERROR:
      return "error(" + text() + ")";
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_STRING:
      return "text(" + text() + ")";
    default:
      break;
  }
  std::string all = "[";
  for (std::size_t at = 0; at < reply.elements; ++at) all += told(*reply.element[at]) + ",";
  return all + "]";
}

std::string oracle(std::string_view bytes) {
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader{redisReaderCreate(), redisReaderFree};
  REQUIRE(redisReaderFeed(reader.get(), bytes.data(), bytes.size()) == REDIS_OK);
  void* reply = nullptr;
  if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK) return "refused";
  if (reply == nullptr) return "incomplete";
  auto said = told(*static_cast<redisReply*>(reply));
  freeReplyObject(reply);
  return said;
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_{seed} {}
  std::string reply(uint32_t depth = 0) {
    const uint32_t kinds = depth < core::limits::reply_depth_max ? 7 : 5;
    switch (below(kinds)) {
      case 0:
        return "+" + line() + "\r\n";
      case 1:
        return "-" + line() + "\r\n";
      case 2:
        return ":" + std::to_string(static_cast<int64_t>(random_()) >> below(64)) + "\r\n";
      case 3:
        return below(4) == 0 ? "$-1\r\n" : bulk();
      case 4:
        return bulk();
      default:
        return array(depth);
    }
  }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

 private:
  std::string line() {
    std::string text;
    for (auto left = below(20); left > 0; --left) text += static_cast<char>(' ' + below(90));
    return text;
  }
  std::string bulk() {
    std::string bytes;
    for (auto left = below(3) == 0 ? below(300) : below(12); left > 0; --left)
      bytes += below(4) == 0 ? "\r\n$*:"[below(5)] : static_cast<char>(below(256));
    return "$" + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n";
  }
  std::string array(uint32_t depth) {
    if (below(8) == 0) return "*-1\r\n";
    const auto count = below(6);
    auto all = "*" + std::to_string(count) + "\r\n";
    for (uint32_t at = 0; at < count; ++at) all += reply(depth + 1);
    return all;
  }
  std::mt19937_64 random_;
};

uint64_t fresh_seed() {
  const uint64_t seed = std::random_device{}();
  MESSAGE("seed ", seed);
  return seed;
}

}  // namespace

TEST_CASE("a reply cut anywhere waits for the rest and then reads the same") {
  for (const auto& sample : samples()) {
    CAPTURE(sample);
    for (std::size_t cut = 0; cut < sample.size(); ++cut) {
      Scanner scanner;
      const auto first = exact(std::string_view{sample}.substr(0, cut));
      REQUIRE(scanner.scan({first.data(), first.size()}) == State::incomplete);
      REQUIRE(scanner.wanted() > cut);
      REQUIRE(scanner.wanted() <= sample.size());
      const auto whole = exact(sample);
      REQUIRE(scanner.scan({whole.data(), whole.size()}) == State::complete);
      REQUIRE(scanner.size() == sample.size());
      CHECK(told(View{whole.data()}) == oracle(sample));
    }
  }
}

TEST_CASE("a reply that comes byte by byte is complete at its last byte and not before") {
  for (const auto& sample : samples()) {
    CAPTURE(sample);
    Scanner scanner;
    for (std::size_t size = 0; size < sample.size(); ++size)
      REQUIRE(scanner.scan(std::string_view{sample}.substr(0, size)) == State::incomplete);
    REQUIRE(scanner.scan(sample) == State::complete);
    CHECK(scanner.size() == sample.size());
  }
}

TEST_CASE("the bytes of the next reply are not taken for this one's") {
  for (const auto& sample : samples()) {
    for (const auto& next : samples()) {
      Scanner scanner;
      REQUIRE(scanner.scan(sample + next) == State::complete);
      REQUIRE(scanner.size() == sample.size());
    }
  }
}

TEST_CASE("generated replies read as hiredis reads them") {
  Generator generate{fresh_seed()};
  for (int round = 0; round < 5000; ++round) {
    const auto reply = generate.reply();
    CAPTURE(reply);
    Scanner scanner;
    std::size_t size = 0;
    while (size < reply.size()) {
      REQUIRE(scanner.scan(std::string_view{reply}.substr(0, size)) == State::incomplete);
      size += 1 + generate.below(static_cast<uint32_t>(reply.size()));
    }
    const auto whole = exact(reply);
    REQUIRE(scanner.scan({whole.data(), whole.size()}) == State::complete);
    REQUIRE(scanner.size() == reply.size());
    REQUIRE(told(View{whole.data()}) == oracle(reply));
  }
}

TEST_CASE("a damaged reply never reads beyond its bytes, and what is accepted reads as hiredis reads it") {
  Generator generate{fresh_seed()};
  for (int round = 0; round < 20000; ++round) {
    auto reply = generate.reply();
    reply[generate.below(static_cast<uint32_t>(reply.size()))] = "\r\n$*:+-0129x"[generate.below(12)];
    CAPTURE(reply);
    const auto whole = exact(reply);
    Scanner scanner;
    if (scanner.scan({whole.data(), whole.size()}) != State::complete) continue;
    const auto exact_reply = exact(std::string_view{reply}.substr(0, scanner.size()));
    const auto said = told(View{exact_reply.data()});
    CHECK(said == oracle(reply));
  }
}

TEST_CASE("a hostile length is refused before anybody waits for its bytes") {
  for (const char* hostile : {"$99999999999999999999\r\n",
                              "$9223372036854775807\r\n",
                              "$8388609\r\n",
                              "$-2\r\n",
                              "$-01\r\n",
                              "$-0\r\n",
                              "*9223372036854775807\r\n",
                              "*4000000\r\n",
                              "*-2\r\n",
                              "$+5\r\n",
                              "$ 5\r\n",
                              "$5 \r\n",
                              "$0x5\r\n",
                              "$\r\n",
                              "*\r\n",
                              ":\r\n",
                              ":1.5\r\n",
                              ":9223372036854775808\r\n",
                              "$00000000000000000000000005",
                              "$05\r\n",
                              "*01\r\n",
                              ":007\r\n",
                              ":-0\r\n",
                              "x",
                              "\r\n",
                              "\n",
                              "_\r\n",
                              "%1\r\n",
                              "+OK\rX",
                              ":1\rX",
                              "$1\r\nabc",
                              "$1\r\na\rb",
                              "$0\r\nab"}) {
    CAPTURE(hostile);
    CHECK(scan_once(hostile) == State::malformed);
  }
}

TEST_CASE("a reply over the limit is refused, one at the limit is not") {
  const std::string bulk = "$10\r\n0123456789\r\n";
  CHECK(scan_once(bulk, bulk.size()) == State::complete);
  CHECK(scan_once(bulk, bulk.size() - 1) == State::malformed);
  CHECK(scan_once(std::string_view{bulk}.substr(0, 6), bulk.size() - 1) == State::malformed);
  CHECK(scan_once("+" + std::string(100, 'a'), 50) == State::malformed);
  CHECK(scan_once("*2\r\n:1\r\n:2\r\n", 12) == State::complete);
  CHECK(scan_once("*2\r\n:1\r\n:2\r\n", 11) == State::malformed);
}

TEST_CASE("arrays in arrays are read to the limit and refused beyond it") {
  std::string nested;
  for (uint32_t depth = 0; depth < core::limits::reply_depth_max; ++depth) nested += "*1\r\n";
  CHECK(scan_once(nested + ":1\r\n") == State::complete);
  CHECK(scan_once(nested + "*0\r\n") == State::complete);
  CHECK(scan_once(nested + "*1\r\n") == State::malformed);
}

TEST_CASE("once malformed, more bytes do not heal it") {
  Scanner scanner;
  CHECK(scanner.scan("x") == State::malformed);
  CHECK(scanner.scan("+OK\r\n") == State::malformed);
  scanner.reset();
  CHECK(scanner.scan("+OK\r\n") == State::complete);
}

TEST_CASE("a long line that comes byte by byte is searched once, not from its beginning each time") {
  std::string line = "-" + std::string(1'000'000, 'e');
  Scanner scanner;
  for (std::size_t size = 1; size < line.size(); ++size)
    REQUIRE(scanner.scan(std::string_view{line}.substr(0, size)) == State::incomplete);
  CHECK(scanner.scan(line + "\r\n") == State::complete);
}

TEST_CASE("what is not in a reply reads as nothing instead of reading wild") {
  const std::string bytes = "*2\r\n$2\r\nok\r\n:7\r\n";
  const auto view = *net::resp::parse(bytes);
  CHECK(view.size() == 2);
  CHECK(view[0].is("ok"));
  CHECK_FALSE(view[0].is("o"));
  CHECK(view[0].integer() == 0);
  CHECK(view[0].size() == 0);
  CHECK(view[0][3].kind() == Kind::null);
  CHECK(view[1].integer() == 7);
  CHECK(view[1].text().empty());
  CHECK(view[2].kind() == Kind::null);
  CHECK(view[2][1][5].text().empty());
  CHECK(view.text().empty());
  CHECK(View{}.kind() == Kind::null);
  CHECK(View{}.begin() == View{}.end());
  CHECK_FALSE(View{}.is(""));
}

TEST_CASE("a number is read from an integer and from text, and from nothing that only resembles one") {
  const auto number = [](std::string_view reply) { return net::resp::parse(reply)->number(); };
  CHECK(number(":42\r\n") == 42);
  CHECK(number("$16\r\n4294967296000001\r\n") == 4294967296000001);
  CHECK(number("+-7\r\n") == -7);
  CHECK_FALSE(number("$3\r\n1e5\r\n"));
  CHECK_FALSE(number("$2\r\n1 \r\n"));
  CHECK_FALSE(number("$0\r\n\r\n"));
  CHECK_FALSE(number("$-1\r\n"));
  CHECK_FALSE(number("-1\r\n"));
  CHECK_FALSE(number("*1\r\n:1\r\n"));
  CHECK_FALSE(number("$19\r\n9223372036854775808\r\n"));
}

TEST_CASE("a reply for a test is parsed only when it is exactly one reply") {
  CHECK(net::resp::parse("+OK\r\n"));
  CHECK_FALSE(net::resp::parse("+OK\r\n+OK\r\n"));
  CHECK_FALSE(net::resp::parse("+OK\r"));
  CHECK_FALSE(net::resp::parse(""));
}

TEST_CASE("a command is rendered as Redis wants it and its size is known before") {
  for (const std::size_t size : {0u, 1u, 9u, 10u, 99u, 100u, 65536u}) {
    const std::string argument(size, 'x');
    core::TextBuffer out;
    net::resp::write_bulk(out, argument);
    CHECK(out.view() == "$" + std::to_string(size) + "\r\n" + argument + "\r\n");
    CHECK(out.size() == net::resp::bulk_bytes(argument));
  }
  core::TextBuffer out;
  net::resp::write_header(out, '*', std::numeric_limits<std::size_t>::max());
  CHECK(out.view() == "*18446744073709551615\r\n");
  CHECK(out.size() == net::resp::header_bytes(std::numeric_limits<std::size_t>::max()));
}
