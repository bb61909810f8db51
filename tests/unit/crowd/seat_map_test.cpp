#include "perf/crowd/seat_map.hpp"

#include <doctest/doctest.h>

#include "core/event.hpp"
#include "perf/crowd/definition.hpp"

namespace {

const std::string hall = R"({"version":9,"sections":[{"id":"A","rows":[{"row":"1","first":1,"seats":"xx.h"},)"
                         R"({"row":"2","first":11,"seats":"x..."}]},)"
                         R"({"id":"GA","general":true,"available":2}]})";

}  // namespace

TEST_CASE("map: what is no map is not taken for an empty hall") {
  CHECK_FALSE(crowd::parse_seat_map("").has_value());
  CHECK_FALSE(crowd::parse_seat_map("{}").has_value());
  CHECK_FALSE(crowd::parse_seat_map(R"({"version":1})").has_value());
}

TEST_CASE("map: only free neighbours are chosen, numbered from the row's first seat") {
  auto map = crowd::parse_seat_map(hall);
  REQUIRE(map);
  crowd::Random random{1};
  auto pick = crowd::choose(*map, 3, false, random);
  REQUIRE(pick);
  CHECK(pick->seats == std::vector<std::string>{"A-2-12", "A-2-13", "A-2-14"});
  CHECK(crowd::render_pick(*pick) == R"({"seats":["A-2-12","A-2-13","A-2-14"]})");
}

TEST_CASE("map: a standing section never gives more than it has") {
  auto map = crowd::parse_seat_map(hall);
  REQUIRE(map);
  crowd::Random random{1};
  auto pick = crowd::choose(*map, 4, true, random);
  REQUIRE(pick);
  CHECK(crowd::render_pick(*pick) == R"({"section":"GA","quantity":2})");
}

TEST_CASE("map: when one kind is gone the other is taken, and nothing when both are") {
  auto map = crowd::parse_seat_map(hall);
  REQUIRE(map);
  crowd::Random random{1};
  map->standing[0].available = 0;
  CHECK(crowd::choose(*map, 1, true, random)->named());
  for (auto& row : map->rows) row.seats.assign(row.seats.size(), 'x');
  CHECK_FALSE(crowd::choose(*map, 1, true, random).has_value());
  CHECK_FALSE(crowd::shows_held(*map));
}

TEST_CASE("map: the seat that somebody has is one that the map shows as taken") {
  auto map = crowd::parse_seat_map(hall);
  REQUIRE(map);
  crowd::Random random{1};
  for (int i = 0; i < 20; ++i) {
    auto pick = crowd::choose_taken(*map, random);
    REQUIRE(pick);
    CHECK((pick->seats[0] == "A-1-1" || pick->seats[0] == "A-2-11"));
  }
}

TEST_CASE("definition: the server would take it, with exactly the seats that were asked for, in one request body") {
  for (auto [seats, standing] : {std::pair{500u, 200u}, {1u, 0u}, {0u, 1u}, {119u, 3u}, {50'000u, 20'000u}}) {
    crowd::Options options;
    options.seats = seats;
    options.standing = standing;
    auto definition = crowd::render_definition(options, 1'700'000'000'000);
    CAPTURE(seats);
    CHECK(definition.size() <= 16 * 1024);
    auto event = core::parse_event("e", definition);
    REQUIRE_MESSAGE(event, event.problem);
    event->number_seats();
    CHECK(event->seat_count == seats + standing);
  }
}
