#include "net/router.hpp"

#include <doctest/doctest.h>

#include <string>

#include "net/exchange.hpp"

namespace {

core::Async nothing(void*, net::Exchange&) { return core::Async::finished(); }

constexpr net::Route routes[] = {
    {"GET", "/", &nothing, nullptr},
    {"GET", "/v1/events", &nothing, nullptr},
    {"GET", "/v1/events/{event}", &nothing, nullptr},
    {"POST", "/v1/events/{event}/queue", &nothing, nullptr},
    {"GET", "/v1/events/{event}/queue", &nothing, nullptr},
    {"DELETE", "/v1/events/{event}/queue", &nothing, nullptr},
    {"POST", "/v1/events/{event}/holds/{hold}/confirm", &nothing, nullptr},
    {"GET", "/v1/events/{event}/holds/mine", &nothing, nullptr},
    {"GET", "/v1/events/{event}/holds/{hold}", &nothing, nullptr},
    {"HEAD", "/v1/head", &nothing, nullptr},
    {"GET", "/v1/head", &nothing, nullptr},
};

struct Asked {
  Asked(std::string_view method, std::string_view target)
      : bytes{std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(64, ' ')} {
    net::http::RequestReader reader;
    std::string_view message{bytes};
    REQUIRE(reader.read(message.substr(0, message.size() - 64), request) ==
            net::http::RequestReader::Progress::complete);
    match = router.match(request);
  }
  std::string pattern() const { return match.route == nullptr ? "" : std::string{match.route->pattern}; }
  std::string allowed() const {
    core::TextBuffer out;
    router.write_allowed(request, out);
    return std::string{out.view()};
  }
  std::string bytes;
  net::Router router{routes};
  net::http::Request request;
  net::Router::Match match{};
};

using Outcome = net::Router::Outcome;

}  // namespace

TEST_CASE("a path finds its pattern and its parameters, decoded") {
  Asked asked{"POST", "/v1/events/e%2D1/holds/01J%3a/confirm?x=1"};
  CHECK(asked.pattern() == "/v1/events/{event}/holds/{hold}/confirm");
  REQUIRE(asked.request.parameter_count() == 2);
  CHECK(asked.request.parameter(0) == "e-1");
  CHECK(asked.request.parameter(1) == "01J:");
}

TEST_CASE("the root is a path of its own") {
  CHECK(Asked{"GET", "/"}.pattern() == "/");
  CHECK(Asked{"GET", "/"}.request.parameter_count() == 0);
  CHECK(Asked{"GET", "/x"}.match.outcome == Outcome::not_found);
}

TEST_CASE("the first pattern wins where two fit") {
  CHECK(Asked{"GET", "/v1/events/e/holds/mine"}.pattern() == "/v1/events/{event}/holds/mine");
  CHECK(Asked{"GET", "/v1/events/e/holds/other"}.pattern() == "/v1/events/{event}/holds/{hold}");
}

TEST_CASE("a path nobody serves is not found: wrong case, an empty parameter, a slash too many, too deep") {
  for (auto target : {"/v1", "/V1/events", "/v1/events/", "/v1/events//queue", "/v1/events/e/queue/", "//v1/events",
                      "/v1/events/e/holds/h/confirm/x", "/1/2/3/4/5/6/7/8/9/10", "/v1%2fevents"}) {
    CAPTURE(std::string{target});
    CHECK(Asked{"GET", target}.match.outcome == Outcome::not_found);
  }
}

TEST_CASE("another method on a known path is not allowed, and the answer can say which are") {
  Asked asked{"PUT", "/v1/events/e/queue"};
  CHECK(asked.match.outcome == Outcome::method_not_allowed);
  CHECK(asked.allowed() == "POST, GET, HEAD, DELETE");
}

TEST_CASE("HEAD is served by GET unless it has a route of its own") {
  CHECK(Asked{"HEAD", "/v1/events"}.match.route->method == "GET");
  CHECK(Asked{"HEAD", "/v1/head"}.match.route->method == "HEAD");
  CHECK(Asked{"HEAD", "/v1/events/e/holds/h/confirm"}.match.outcome == Outcome::method_not_allowed);
}
