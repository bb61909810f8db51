#include <doctest/doctest.h>

#include "perf/crowd/buyer.hpp"

TEST_CASE("place: coming nearer and standing still are fine") {
  crowd::Place place;
  CHECK(place.still_mine(100, false));
  CHECK(place.still_mine(100, false));
  CHECK(place.still_mine(3, false));
  CHECK(place.nearest() == 3);
}

TEST_CASE("place: one step back is a lost place, also after a silence") {
  crowd::Place place;
  CHECK(place.still_mine(100, false));
  CHECK(place.still_mine(std::nullopt, false));
  CHECK_FALSE(place.still_mine(101, false));
  CHECK(place.nearest() == 100);
}

TEST_CASE("place: whoever joined anew starts at the end without complaint") {
  crowd::Place place;
  CHECK(place.still_mine(1, false));
  place.forget();
  CHECK(place.still_mine(900, false));
}

TEST_CASE("place: a line that forms again seems short, but nobody may fall behind where they stood") {
  crowd::Place place;
  CHECK(place.still_mine(100, false));
  CHECK(place.still_mine(4, true));
  CHECK(place.still_mine(60, true));
  CHECK_FALSE(place.still_mine(101, true));
  CHECK(place.still_mine(90, false));
  CHECK_FALSE(place.still_mine(91, false));
}
