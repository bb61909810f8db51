#include "seat/seat_list.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using seat::SeatList;

namespace {

std::vector<uint32_t> seats(const SeatList& list) { return {list.seats().begin(), list.seats().end()}; }

}  // namespace

TEST_CASE("seats are written as the scripts read them, and read as the scripts write them") {
  SeatList list;
  CHECK(list.text().empty());
  for (const uint32_t seat : {30u, 0u, 999'999u}) list.push_back(seat);
  REQUIRE(list.sort_unique());
  CHECK(list.text().view() == "0,30,999999");
  SeatList again;
  REQUIRE(again.parse(list.text().view()));
  CHECK(seats(again) == std::vector<uint32_t>{0, 30, 999'999});
  CHECK(again.parse(""));
  CHECK(again.size() == 0);
}

TEST_CASE("a seat named twice is noticed wherever it stands") {
  SeatList list;
  for (const uint32_t seat : {7u, 3u, 7u}) list.push_back(seat);
  CHECK(!list.sort_unique());
}

TEST_CASE("the most seats there may be fit, with the longest numbers; one more is refused, not written") {
  SeatList list;
  std::string text;
  for (uint32_t at = 0; at < core::limits::seats_per_user_max; ++at) {
    CHECK(!list.full());
    list.push_back(core::limits::seats_max - 1 - at);
    text += (at == 0 ? "" : ",") + std::to_string(core::limits::seats_max - 1 - at);
  }
  CHECK(list.full());
  CHECK(list.text().view() == text);
  SeatList again;
  CHECK(again.parse(text));
  CHECK(!again.parse(text + ",1"));
}

TEST_CASE("what is no list of numbers is not read as one") {
  for (const auto* text : {",", "1,", ",1", "1,,2", "1;2", "a", "1a", "-1", "+1", " 1", "1 ", "1,2 ", "0x1", "1.0",
                           "4294967296", "99999999999999999999"}) {
    SeatList list;
    CAPTURE(text);
    CHECK(!list.parse(text));
  }
}
