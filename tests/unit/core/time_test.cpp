#include "core/time.hpp"

#include <doctest/doctest.h>

using core::parse_rfc3339;
using core::rfc3339;

TEST_CASE("an instant survives being written and read, at the edges of the calendar too") {
  for (const int64_t instant_ms :
       {int64_t{0}, int64_t{999}, int64_t{1'000}, int64_t{951'782'399'999},  // before a leap day
        int64_t{951'782'400'000}, int64_t{1'795'168'800'000}, int64_t{4'107'542'399'999},
        int64_t{253'402'300'799'999}}) {
    CHECK(parse_rfc3339(rfc3339(instant_ms)) == instant_ms);
  }
  CHECK(rfc3339(0) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339(951'782'400'000) == "2000-02-29T00:00:00.000Z");
  CHECK(rfc3339(1'795'168'800'123) == "2026-11-20T10:00:00.123Z");
}

TEST_CASE("an instant outside of the calendar is written as the nearest one inside, always 24 bytes") {
  CHECK(rfc3339(-1) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339(INT64_MIN) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339(INT64_MAX) == "9999-12-31T23:59:59.999Z");
}

TEST_CASE("offsets and fractions are understood, digits beyond milliseconds are cut") {
  constexpr int64_t ten_ms = 1'795'168'800'000;
  CHECK(parse_rfc3339("2026-11-20T10:00:00Z") == ten_ms);
  CHECK(parse_rfc3339("2026-11-20T19:00:00+09:00") == ten_ms);
  CHECK(parse_rfc3339("2026-11-20T04:30:00.000-05:30") == ten_ms);
  CHECK(parse_rfc3339("2026-11-21T00:00:00+14:00") == ten_ms);
  CHECK(parse_rfc3339("2026-11-20T10:00:00.1Z") == ten_ms + 100);
  CHECK(parse_rfc3339("2026-11-20T10:00:00.01Z") == ten_ms + 10);
  CHECK(parse_rfc3339("2026-11-20T10:00:00.123999999Z") == ten_ms + 123);
}

TEST_CASE("what is no instant is refused, not guessed") {
  for (const auto* text : {"",
                           "2026",
                           "2026-11-20",
                           "2026-11-20T10:00:00",
                           "2026-11-20 10:00:00Z",
                           "2026-11-20t10:00:00z",
                           "2026-11-20T10:00:00.Z",
                           "2026-11-20T10:00:00.1234567890Z",
                           "2026-11-20T10:00:00Z ",
                           " 2026-11-20T10:00:00Z",
                           "2026-13-20T10:00:00Z",
                           "2026-00-20T10:00:00Z",
                           "2026-02-29T10:00:00Z",
                           "2026-11-31T10:00:00Z",
                           "2026-11-00T10:00:00Z",
                           "2026-11-20T24:00:00Z",
                           "2026-11-20T10:60:00Z",
                           "2026-11-20T10:00:60Z",
                           "2026-11-20T10:00:00+24:00",
                           "2026-11-20T10:00:00+09:60",
                           "2026-11-20T10:00:00+0900",
                           "2026-11-20T10:00:00+09",
                           "2026-11-20T10:00:00*09:00",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "+026-11-20T10:00:00Z",
                           "2026-1a-20T10:00:00Z",
                           "2026-11-20T10:00:0\xc3\xa9Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
  CHECK_FALSE(parse_rfc3339(std::string_view{"2026-11-20T10:00:00Z\0", 21}).has_value());
}

TEST_CASE("an instant cut at any place is refused") {
  const std::string whole = "2026-11-20T10:00:00.123+09:00";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_rfc3339(whole.substr(0, size)).has_value());
  }
  CHECK(parse_rfc3339(whole).has_value());
}

TEST_CASE("the clocks run and agree on their unit") {
  const auto before = core::monotonic_ms();
  CHECK(core::monotonic_ms() >= before);
  CHECK(core::wall_ms() > 1'700'000'000'000);
  CHECK(core::wall_ms() < 4'000'000'000'000);
}
