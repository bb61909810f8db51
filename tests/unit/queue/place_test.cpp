#include "queue/place.hpp"

#include <doctest/doctest.h>

#include <string>

using queue::Place;

namespace {

Place decoded(const std::string& resp) {
  const auto view = net::resp::parse(resp);
  REQUIRE(view);
  const auto place = Place::decode(*view);
  REQUIRE(place.error == core::Error::none);
  return place.value;
}

core::Event event() {
  core::Event event;
  event.opens_at_ms = 1'800'000'000'000;
  event.admission.rate_per_s = 10;
  return event;
}

std::string rendered(const Place& place, std::string_view admission = {}) {
  core::TextBuffer out;
  queue::Json json{out};
  json.begin_object();
  queue::write_place(json, place, event(), admission, 1'799'999'990'000, 0);
  json.end_object();
  return std::string{out.view()};
}

}  // namespace

TEST_CASE("sold_out is a state of the line here, not the refusal of a hold") {
  const auto place = decoded("*3\r\n$8\r\nsold_out\r\n$2\r\n17\r\n:0\r\n");
  CHECK(place.verdict.ok());
  CHECK(place.state == Place::State::sold_out);
  CHECK(place.number == 17);
  CHECK(rendered(place) == R"({"state":"sold_out"})");
}

TEST_CASE("a refusal keeps its code, another epoch is stale, and what nobody knows is a protocol error") {
  CHECK(decoded("*1\r\n$14\r\nevent_not_open\r\n").verdict.code == net::Code::event_not_open);
  CHECK(decoded("$5\r\nstale\r\n").verdict.stale());
  for (const std::string strange : {"*1\r\n$2\r\nok\r\n", "*1\r\n$5\r\nhello\r\n", "*0\r\n", ":1\r\n", "-ERR no\r\n"}) {
    CAPTURE(strange);
    CHECK(Place::decode(*net::resp::parse(strange)).error == core::Error::protocol);
  }
}

TEST_CASE("a waiting user sees position, total and an estimate that grows with the position") {
  const auto place = decoded("*5\r\n$7\r\nwaiting\r\n$10\r\n4294967300\r\n:25\r\n:100\r\n:1\r\n");
  CHECK(place.created);
  CHECK(rendered(place) == R"({"state":"waiting","position":25,"total":100,)"
                           R"("estimated_wait_s":3,"estimated_wait_high_s":4,"next_poll_s":1})");
}

TEST_CASE("a pause has a position and no estimate") {
  const auto place = decoded("*5\r\n$6\r\npaused\r\n:1\r\n:25\r\n:100\r\n:0\r\n");
  CHECK(rendered(place) == R"({"state":"paused","position":25,"total":100,)"
                           R"("estimated_wait_s":null,"estimated_wait_high_s":null,"next_poll_s":1})");
}

TEST_CASE("an admitted user gets the admission and when it ends") {
  const auto place = decoded("*2\r\n$8\r\nadmitted\r\n$13\r\n1800000000123\r\n");
  CHECK(rendered(place, "token") ==
        R"({"state":"admitted","admission":"token","expires_at":"2027-01-15T08:00:00.123Z"})");
}

TEST_CASE("the lobby says when it opens, and nobody sleeps through the opening") {
  const auto place = decoded("*3\r\n$5\r\nlobby\r\n:7\r\n:1\r\n");
  CHECK(rendered(place) == R"({"state":"lobby","opens_at":"2027-01-15T08:00:00.000Z","next_poll_s":11})");
  CHECK(queue::lobby_poll_s(100'000'000, 0, 2) == 32);
  CHECK(queue::lobby_poll_s(0, 100'000, 0) == 1);
}

TEST_CASE("the further back, the later the next poll, and waves of users spread out") {
  CHECK(queue::next_poll_s(1, 99) == 1);
  CHECK(queue::next_poll_s(1'001, 0) == 5);
  CHECK(queue::next_poll_s(10'001, 0) == 27);
  CHECK(queue::next_poll_s(10'001, 6) == 33);
  CHECK(queue::next_poll_s(100'001, 0) == 54);
  CHECK(queue::next_poll_s(100'001, 12) == 66);
}
