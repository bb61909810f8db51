#include "seat/requests.hpp"

#include <doctest/doctest.h>

#include <string>

using seat::RequestReader;

namespace {

// A: seats 0..9; B-left: 10..12; GA: places 13..17, 9900 each.
core::Event event() {
  auto parsed = core::parse_event("e", R"({"name":"n","currency":"KRW","opens_at":"2026-01-01T00:00:00.000Z",
    "sections":[{"id":"A","name":"A","amount":15400,"rows":[{"row":"1","seats":10}]},
    {"id":"B-left","name":"B","amount":100,"rows":[{"row":"x","seats":3,"first":7}]},
    {"id":"GA","name":"GA","amount":9900,"general":5}]})");
  REQUIRE_MESSAGE(parsed, parsed.problem);
  return std::move(*parsed.value);
}

struct Wrong {
  std::string body, member;
};

const std::string good_payment = R"("payment":{"reference":"pay_1","amount":30800,"currency":"KRW"})";

}  // namespace

TEST_CASE("named seats are asked for in the order of the map, and cost what each section costs") {
  const auto definition = event();
  RequestReader reader;
  const auto request = reader.hold(R"({"seats":["B-left-x-8","A-1-3"],"colour":{"deep":[1]}})", definition);
  REQUIRE(!request.bad());
  CHECK(request.wanted.view() == "2,11");
  CHECK(request.amount == 15'500);
}

TEST_CASE("places of a standing section are asked for by quantity, the amount is that of one") {
  const auto definition = event();
  RequestReader reader;
  const auto request = reader.hold(R"({"section":"GA","quantity":3})", definition);
  REQUIRE(!request.bad());
  CHECK(request.wanted.view() == "g:2:13:5:3");
  CHECK(request.amount == 9'900);
}

TEST_CASE("of a hold every wrong member is named") {
  const auto definition = event();
  RequestReader reader;
  std::string many;
  for (int at = 0; at < 65; ++at) many += (at > 0 ? ",\"A-1-1\"" : "\"A-1-1\"");
  const Wrong wrongs[] = {{"", "body"},
                          {"nonsense", "JSON"},
                          {"[1]", "object"},
                          {"null", "object"},
                          {"{}", "seats"},
                          {"{}", "section"},
                          {R"({"seats":"A-1-1"})", "seats"},
                          {R"({"seats":[]})", "seats"},
                          {R"({"seats":null})", "seats"},
                          {R"({"seats":[1]})", "seats[0]"},
                          {R"({"seats":["A-1-1",null]})", "seats[1]"},
                          {R"({"seats":[""]})", "seats[0]"},
                          {R"({"seats":["A-1-1","A-1-1"]})", "twice"},
                          {R"({"seats":["A-1-1","A-1-11"]})", "A-1-11"},
                          {R"({"seats":["A-1-0"]})", "A-1-0"},
                          {R"({"seats":["A-1-01"]})", "A-1-01"},
                          {R"({"seats":["B-x-7"]})", "B-x-7"},
                          {R"({"seats":["GA-0-1"]})", "seats[0]"},
                          {R"({"seats":["a\"b"]})", "a?b"},
                          {R"({"seats":["a\nb"]})", "seats[0]"},
                          {"{\"seats\":[" + many + "]}", "seats"},
                          {R"({"seats":["A-1-1"],"seats":["A-1-2"]})", "seats"},
                          {R"({"seats":[")" + std::string(4000, 'x') + "\"]}", "seats[0]"},
                          {R"({"quantity":2})", "section"},
                          {R"({"section":7,"quantity":2})", "section"},
                          {R"({"section":"","quantity":2})", "section"},
                          {R"({"section":"Z","quantity":2})", "section"},
                          {R"({"section":"GA"})", "quantity"},
                          {R"({"section":"GA","quantity":0})", "quantity"},
                          {R"({"section":"GA","quantity":-1})", "quantity"},
                          {R"({"section":"GA","quantity":65})", "quantity"},
                          {R"({"section":"GA","quantity":"2"})", "quantity"},
                          {R"({"section":"GA","quantity":1.5})", "quantity"},
                          {R"({"section":"GA","quantity":18446744073709551615})", "quantity"},
                          {R"({"section":"GA","quantity":1,"best_available":"yes"})", "best_available"},
                          {R"({"section":"A","quantity":1})", "seats"}};
  for (const auto& wrong : wrongs) {
    CAPTURE(wrong.body);
    const auto request = reader.hold(wrong.body, definition);
    REQUIRE(request.bad());
    CHECK(request.code == net::Code::bad_request);
    CHECK_MESSAGE(request.problem.find(wrong.member) != std::string_view::npos, request.problem);
    CHECK(request.problem.size() < 256);
  }
  CHECK(!reader.hold(R"({"seats":["A-1-1"]})", definition).bad());  // a problem is forgotten with its request
}

TEST_CASE("the best seats available are not given out by this version, and it says so") {
  RequestReader reader;
  for (const auto* section : {"A", "GA"}) {
    const auto body = R"({"section":")" + std::string{section} + R"(","quantity":2,"best_available":true})";
    const auto request = reader.hold(body, event());
    CHECK(request.bad());
    CHECK(request.code == net::Code::not_implemented);
  }
}

TEST_CASE("a confirmation is read with and without a fence") {
  RequestReader reader;
  const auto plain = reader.confirm("{" + good_payment + "}");
  REQUIRE(!plain.bad());
  CHECK(plain.reference.view() == "pay_1");
  CHECK(plain.amount == 30'800);
  CHECK(plain.currency.view() == "KRW");
  CHECK(plain.fence.empty());
  CHECK(reader.confirm(R"({"fence":null,)" + good_payment + "}").fence.empty());
  CHECK(reader.confirm(R"({"fence":0,)" + good_payment + "}").fence.view() == "0");
  CHECK(reader.confirm(R"({"fence":9223372036854775807,)" + good_payment + "}").fence.view() == "9223372036854775807");
}

TEST_CASE("of a confirmation every wrong member is named, so that no money moves on a guess") {
  RequestReader reader;
  const auto payment = [](const std::string& members) { return "{\"payment\":{" + members + "}}"; };
  const Wrong wrongs[] = {
      {"", "body"},
      {"[]", "object"},
      {"{}", "payment"},
      {R"({"payment":"pay"})", "payment"},
      {R"({"payment":null})", "payment"},
      {R"({"payment":[]})", "payment"},
      {payment(R"("amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":1,"amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":"","amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":"a b","amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":"a\u0000b","amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":"ü","amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":")" + std::string(129, 'p') + R"(","amount":1,"currency":"KRW")"), "payment.reference"},
      {payment(R"("reference":"p","currency":"KRW")"), "payment.amount"},
      {payment(R"("reference":"p","amount":"1","currency":"KRW")"), "payment.amount"},
      {payment(R"("reference":"p","amount":1.0,"currency":"KRW")"), "payment.amount"},
      {payment(R"("reference":"p","amount":-1,"currency":"KRW")"), "payment.amount"},
      {payment(R"("reference":"p","amount":9223372036854775808,"currency":"KRW")"), "payment.amount"},
      {payment(R"("reference":"p","amount":1,"amount":2,"currency":"KRW")"), "payment.amount"},
      {payment(R"("reference":"p","amount":1)"), "payment.currency"},
      {payment(R"("reference":"p","amount":1,"currency":"krw")"), "payment.currency"},
      {payment(R"("reference":"p","amount":1,"currency":"KR")"), "payment.currency"},
      {payment(R"("reference":"p","amount":1,"currency":"KRWW")"), "payment.currency"},
      {R"({"fence":"7",)" + good_payment + "}", "fence"},
      {R"({"fence":-1,)" + good_payment + "}", "fence"},
      {R"({"fence":7.5,)" + good_payment + "}", "fence"}};
  for (const auto& wrong : wrongs) {
    CAPTURE(wrong.body);
    const auto request = reader.confirm(wrong.body);
    REQUIRE(request.bad());
    CHECK_MESSAGE(request.problem.find(wrong.member) != std::string_view::npos, request.problem);
  }
}

TEST_CASE("a key is the same quoted or not, and another for another user; the request's print is of path and body") {
  const auto key = seat::idempotency_key("abc", "u-1", "/p", "{}");
  REQUIRE(!key.malformed);
  CHECK(key.digest.view().size() == 22);
  CHECK(seat::idempotency_key("\"abc\"", "u-1", "/p", "{}").digest.view() == key.digest.view());
  CHECK(seat::idempotency_key("abc", "u-2", "/p", "{}").digest.view() != key.digest.view());
  CHECK(seat::idempotency_key("bc", "u-1a", "/p", "{}").digest.view() != key.digest.view());
  CHECK(seat::idempotency_key("abc", "u-1", "/q", "{}").fingerprint.view() != key.fingerprint.view());
  CHECK(seat::idempotency_key("abc", "u-1", "/p", "{ }").fingerprint.view() != key.fingerprint.view());
  CHECK(seat::idempotency_key("", "u-1", "/p", "{}").digest.empty());
}

TEST_CASE("a key that is none is refused, not ignored: the client counts on it") {
  for (const auto& header : {std::string{"\"\""}, std::string{"a b"}, std::string{"a\tb"}, std::string{"\xc3\xbc"},
                             std::string(65, 'k'), "\"" + std::string(65, 'k') + "\""}) {
    CAPTURE(header);
    CHECK(seat::idempotency_key(header, "u-1", "/p", "{}").malformed);
  }
  CHECK(!seat::idempotency_key(std::string(64, 'k'), "u-1", "/p", "{}").malformed);
  CHECK(!seat::idempotency_key("\"" + std::string(64, 'k') + "\"", "u-1", "/p", "{}").malformed);
}
