#include "seat/redis_records.hpp"

#include <doctest/doctest.h>

using seat::HoldRecord;
using seat::PaymentRecord;
using seat::UserRecord;

TEST_CASE("a record that names seats the event does not have fits it not") {
  const auto record = seat::HoldRecord::parse("H;u;1;1;100;0;3,4;;;");
  REQUIRE(record);
  CHECK(record->fits(5));
  CHECK(!record->fits(4));
}

TEST_CASE("a hold comes back as it was written, with every field") {
  const std::string text = "C;u-1;1800000000000;1;30800;7;12,13;1800000000001;why;pay_1";
  const auto record = HoldRecord::parse(text);
  REQUIRE(record);
  CHECK(record->state == 'C');
  CHECK(record->user == "u-1");
  CHECK(record->deadline_ms == 1800000000000);
  CHECK(record->extensions_left == 1);
  CHECK(record->amount == 30800);
  CHECK(record->fence == 7);
  CHECK(record->seats == std::vector<uint32_t>{12, 13});
  CHECK(record->paid_at_ms == 1800000000001);
  CHECK(record->reason == "why");
  CHECK(record->reference == "pay_1");
  CHECK(record->text() == text);
}

TEST_CASE("a hold that was never paid has empty fields where the scripts leave them empty") {
  const std::string text = "H;u-1;5;0;0;0;3;;;";
  REQUIRE(HoldRecord::parse(text));
  CHECK(HoldRecord::parse(text)->text() == text);
}

TEST_CASE("a payment reference with a separator in it is not cut") {
  const auto record = HoldRecord::parse("C;u;5;0;0;0;3;9;;a;b;c");
  REQUIRE(record);
  CHECK(record->reference == "a;b;c");
}

TEST_CASE("a record that is not one is refused, not guessed") {
  for (const auto* text : {"", ";", "H", "Z;u;1;1;1;0;3;;;", "HH;u;1;1;1;0;3;;;", "H;u;x;1;1;0;3;;;", "H;u;;1;1;0;3;;;",
                           "H;u;1;1;1;0;3,;;;", "H;u;1;1;1;0;3,x;;;", "H;u;1;1;1;0;-3;;;", "H;u;1;1;1;0;99999999999;;;",
                           "H;u;1;1;1;0;3;;"})
    CHECK_MESSAGE(!HoldRecord::parse(text), text);
  for (const auto* text : {"", "-", "-;1", "-;1;1", "-;x;1;", "-;1;1;a;b", "dd;1;1;"})
    CHECK_MESSAGE(!UserRecord::parse(text), text);
  for (const auto* text : {"", "order", "order;h;u;1", "order;h;u;x;KRW"})
    CHECK_MESSAGE(!PaymentRecord::parse(text), text);
}

TEST_CASE("a user's holds survive the way through a record") {
  for (const std::string text : {"-;0;0;", "d;4;1;01A,01B", "e;1;0;01A"}) {
    REQUIRE(UserRecord::parse(text));
    CHECK(UserRecord::parse(text)->text() == text);
  }
  CHECK(UserRecord::parse("d;4;1;01A,01B")->holds == std::vector<std::string>{"01A", "01B"});
}

TEST_CASE("a payment comes back as it was written") {
  const std::string text = "hold_expired;01A;u-1;15400;KRW";
  REQUIRE(PaymentRecord::parse(text));
  CHECK(PaymentRecord::parse(text)->decision == "hold_expired");
  CHECK(PaymentRecord::parse(text)->text() == text);
}
