// Boost.Beast reads the table of hostile HTTP as well. Where it sees what we see, two parsers agree; where it does not,
// the table says so and why (`beast`), and a difference nobody has explained is a failure on either side.
#include <doctest/doctest.h>

// g++ 12 with -fsanitize takes an empty boost::optional for one that is read.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

#include "core/limits.hpp"
#include "tests/hostile/vectors.hpp"

namespace {

namespace http = boost::beast::http;
using hostile::Beast;
using hostile::End;

// What Beast makes of a stream: as many whole requests as come, and then one of three ends.
struct Opinion {
  std::vector<std::string> requests;  // method and body; the target it leaves as it is
  End end = End::open;
  bool operator==(const Opinion&) const = default;
};

// Reads one request; how many bytes it took, 0 when that was the end.
std::size_t read_one(std::string_view bytes, Opinion& opinion) {
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  parser.header_limit(core::limits::headers_bytes_max);
  parser.body_limit(core::limits::body_bytes_max);
  boost::beast::error_code error;
  std::size_t used = 0;
  while (!error && !parser.is_done() && used < bytes.size()) {
    auto some = parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += some;
    if (some == 0) break;
  }
  if (parser.is_done()) {
    opinion.requests.push_back(std::string{parser.get().method_string()} + " " + parser.get().body());
    return used;
  }
  opinion.end = !error || error == http::error::need_more ? End::waits : End::refused;
  return 0;
}

Opinion second_opinion(std::string_view bytes) {
  Opinion opinion;
  while (!bytes.empty()) {
    auto used = read_one(bytes, opinion);
    if (used == 0) break;
    bytes.remove_prefix(used);
  }
  return opinion;
}

// What Beast would say if it agreed. It does not close connections.
Opinion ours(const hostile::Vector& vector) {
  Opinion opinion;
  for (const auto& each : vector.requests) opinion.requests.push_back(each.method + " " + each.body);
  opinion.end = vector.end == End::closes ? End::open : vector.end;
  return opinion;
}

End end_of(Beast difference) {
  if (difference == Beast::accepts) return End::open;
  return difference == Beast::refuses ? End::refused : End::waits;
}

}  // namespace

TEST_CASE("a second parser agrees with every line of the table, or the table says why not") {
  for (const auto& vector : hostile::vectors()) {
    CAPTURE(vector.name);
    auto opinion = second_opinion(vector.bytes);
    CAPTURE(opinion.requests.size());
    CAPTURE(static_cast<int>(opinion.end));
    if (vector.beast == Beast::agrees) {
      CHECK(opinion == ours(vector));
    } else {
      CHECK_FALSE(opinion == ours(vector));
      CHECK(static_cast<int>(opinion.end) == static_cast<int>(end_of(vector.beast)));
    }
  }
}
