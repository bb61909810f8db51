#include "persist/contiguous_cursor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using persist::ContiguousCursor;

TEST_CASE("ContiguousCursor: a gap holds the position back until it is filled") {
  ContiguousCursor cursor;
  cursor.restart(40);
  for (int64_t seq : {41, 42, 45, 60}) cursor.sent(seq);
  cursor.arrived(42);
  cursor.arrived(60);
  CHECK(cursor.position() == 40);
  cursor.arrived(41);
  CHECK(cursor.position() == 42);
  cursor.arrived(45);
  CHECK(cursor.position() == 60);
  CHECK(cursor.in_flight() == 0);
  CHECK(cursor.newest() == 60);
}

TEST_CASE("ContiguousCursor: a report of before a restart neither moves nor breaks it") {
  ContiguousCursor cursor;
  cursor.restart(10);
  for (int64_t seq : {11, 12, 13}) cursor.sent(seq);
  cursor.arrived(12);
  cursor.restart(cursor.position());
  cursor.arrived(13);  // late: nothing of this seq is in flight now
  CHECK(cursor.position() == 10);
  for (int64_t seq : {11, 12, 13}) cursor.sent(seq);
  cursor.arrived(11);
  cursor.arrived(11);
  CHECK(cursor.position() == 11);  // 12 arrived once, but before the restart: it is sent again
}

TEST_CASE("ContiguousCursor: whatever the order of arrival, the position is the last before the first gap") {
  std::minstd_rand random{7};
  for (int round = 0; round < 200; ++round) {
    ContiguousCursor cursor;
    std::vector<int64_t> order;
    for (int64_t seq = 1; seq <= 50; ++seq) cursor.sent(seq), order.push_back(seq);
    std::shuffle(order.begin(), order.end(), random);
    std::vector<bool> arrived(52);
    for (int64_t seq : order) {
      cursor.arrived(seq);
      arrived[static_cast<std::size_t>(seq)] = true;
      int64_t expected = 0;
      while (arrived[static_cast<std::size_t>(expected + 1)]) ++expected;
      REQUIRE(cursor.position() == expected);
    }
  }
}
