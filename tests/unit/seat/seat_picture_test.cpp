#include "seat/seat_picture.hpp"

#include <doctest/doctest.h>

using seat::SeatPicture;

namespace {

// A: seats 0 and 1 in row 1, 2 in row 2; GA: places 3 and 4.
core::Event event() {
  auto parsed = core::parse_event("e", R"({"name":"n","currency":"KRW","opens_at":"2026-01-01T00:00:00.000Z",
    "sections":[{"id":"A","name":"Floor","amount":100,"rows":[{"row":"1","seats":2},{"row":"2","seats":1,"first":5}]},
    {"id":"GA","name":"Standing","amount":50,"general":2}]})");
  REQUIRE_MESSAGE(parsed, parsed.problem);
  return std::move(*parsed.value);
}

core::Event hall() {
  auto parsed = core::parse_event("e", R"({"name":"n","opens_at":"2026-01-01T00:00:00.000Z","sections":[
    {"id":"A","name":"A","amount":100,"rows":[{"row":"1","seats":10000}]}]})");
  REQUIRE_MESSAGE(parsed, parsed.problem);
  return std::move(*parsed.value);
}

std::string changes(const SeatPicture& picture, const core::Event& definition, int64_t since) {
  core::TextBuffer out;
  if (!picture.changes_since(definition, since, out)) return "the whole map";
  return std::string{out.view()};
}

}  // namespace

TEST_CASE("a map is rendered as the contract shows it, a seat that is being paid for as held") {
  const auto definition = event();
  SeatPicture picture;
  REQUIRE(picture.take(definition, 7, "ph.x."));
  CHECK(picture.json(definition) ==
        R"({"version":7,"sections":[{"id":"A","name":"Floor","amount":100,"currency":"KRW","available":1,)"
        R"("rows":[{"row":"1","first":1,"seats":"hh"},{"row":"2","first":5,"seats":"."}]},)"
        R"({"id":"GA","name":"Standing","amount":50,"currency":"KRW","available":1,"general":true}]})");
}

TEST_CASE("a map that is not whole is not taken: it would be read past its end") {
  const auto definition = event();
  SeatPicture picture;
  for (const auto* seats : {"", ".", "....", "......"}) CHECK(!picture.take(definition, 1, seats));
  CHECK(picture.empty());
  CHECK(picture.version() == 0);
  CHECK(picture.available(definition.sections[1]) == 0);
  CHECK(changes(picture, definition, 0) == "the whole map");
  REQUIRE(picture.take(definition, 5, "....."));
  CHECK(!picture.take(definition, 6, "xx"));
  CHECK(picture.version() == 5);
  CHECK(picture.available(definition.sections[0]) == 3);
}

TEST_CASE("who knows a version is told each seat that differs once, as it is now") {
  const auto definition = event();
  SeatPicture picture;
  REQUIRE(picture.take(definition, 10, "....."));
  REQUIRE(picture.take(definition, 12, "h...."));
  REQUIRE(picture.take(definition, 15, "x...h"));
  CHECK(changes(picture, definition, 10) == R"({"version":15,"changes":[["A-1-1","x"],["GA-0-2","h"]]})");
  CHECK(changes(picture, definition, 12) == R"({"version":15,"changes":[["A-1-1","x"],["GA-0-2","h"]]})");
  CHECK(changes(picture, definition, 15) == R"({"version":15,"changes":[]})");
}

TEST_CASE("who knows a version from before the first map, or from another node's future, gets the whole map") {
  const auto definition = event();
  SeatPicture picture;
  REQUIRE(picture.take(definition, 10, "....."));
  REQUIRE(picture.take(definition, 11, "h...."));
  CHECK(changes(picture, definition, 9) == "the whole map");
  CHECK(changes(picture, definition, 12) == "the whole map");
}

TEST_CASE("a payment that begins is no change to the eyes of others") {
  const auto definition = event();
  SeatPicture picture;
  REQUIRE(picture.take(definition, 1, "h...."));
  REQUIRE(picture.take(definition, 2, "p...."));
  CHECK(changes(picture, definition, 1) == R"({"version":2,"changes":[]})");
}

TEST_CASE("a newer map and a newer definition are rendered anew") {
  auto definition = event();
  SeatPicture picture;
  REQUIRE(picture.take(definition, 1, "....."));
  const std::string first{picture.json(definition)};
  definition.version = 2;
  definition.sections[0].name = "Renamed";
  CHECK(picture.json(definition).find("Renamed") != std::string_view::npos);
  REQUIRE(picture.take(definition, 2, "x...."));
  CHECK(picture.json(definition).find(R"("seats":"x.")") != std::string_view::npos);
}

TEST_CASE("of the changes that are forgotten none is half remembered") {
  const auto definition = hall();
  SeatPicture picture;
  std::string seats(10'000, '.');
  REQUIRE(picture.take(definition, 1, seats));
  for (int64_t version = 2; version < 2'052; ++version) {  // two changes a version: 4100 in all
    seats[static_cast<std::size_t>(version)] = 'h';
    seats[static_cast<std::size_t>(version) + 5'000] = 'h';
    REQUIRE(picture.take(definition, version, seats));
  }
  CHECK(changes(picture, definition, 2) == "the whole map");
  CHECK(changes(picture, definition, 2'050) == R"({"version":2051,"changes":[["A-1-2052","h"],["A-1-7052","h"]]})");
  int64_t oldest = 2'050;
  while (changes(picture, definition, oldest - 1) != "the whole map") --oldest;
  const auto known = changes(picture, definition, oldest);
  CHECK(std::ranges::count(known, '[') == 1 + 2 * (2'051 - oldest));
  CHECK(2'051 - oldest >= 1'000);  // enough of them are kept
}

TEST_CASE("one version with more changes than are kept leaves none of them") {
  const auto definition = hall();
  SeatPicture picture;
  REQUIRE(picture.take(definition, 1, std::string(10'000, '.')));
  REQUIRE(picture.take(definition, 2, std::string(10'000, 'x')));
  CHECK(changes(picture, definition, 1) == "the whole map");
  CHECK(changes(picture, definition, 2) == R"({"version":2,"changes":[]})");
}
