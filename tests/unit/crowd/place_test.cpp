#include <doctest/doctest.h>

#include "perf/crowd/buyer.hpp"

TEST_CASE("place: coming nearer and standing still are fine") {
  crowd::Place place;
  CHECK(place.still_mine(100));
  CHECK(place.still_mine(100));
  CHECK(place.still_mine(3));
  CHECK(place.nearest() == 3);
}

TEST_CASE("place: one step back is a lost place, also after a silence") {
  crowd::Place place;
  CHECK(place.still_mine(100));
  CHECK(place.still_mine(std::nullopt));
  CHECK_FALSE(place.still_mine(101));
  CHECK(place.nearest() == 100);
}

TEST_CASE("place: whoever joined anew starts at the end without complaint") {
  crowd::Place place;
  CHECK(place.still_mine(1));
  place.forget();
  CHECK(place.still_mine(900));
}
