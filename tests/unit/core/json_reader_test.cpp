#include "core/json_reader.hpp"

#include <doctest/doctest.h>

#include <array>

using core::JsonReader;

namespace {

constexpr std::string_view confirm =
    R"({"fence":7,"payment":{"reference":"pay_1","amount":30800,"currency":"KRW"},
 "seats":["A-1-3","A-1-4"],"fast":true})";

// The problem of one read, on a fresh reader.
template <class Read>
std::string problem_of(std::string_view body, Read read) {
  JsonReader reader;
  reader.parse(body);
  read(reader);
  return reader.problem();
}

}  // namespace

TEST_CASE("the members of a request are read by path") {
  JsonReader reader;
  REQUIRE(reader.parse(confirm));
  CHECK(reader.integer("fence", 0, 100) == 7);
  CHECK(reader.text("payment.reference", 1, 128) == "pay_1");
  CHECK(reader.integer("payment.amount", 0, 1'000'000) == 30800);
  std::array<std::string_view, 8> seats;
  REQUIRE(reader.texts("seats", seats) == 2);
  CHECK(seats[1] == "A-1-4");
  CHECK(reader.boolean("fast", false));
  CHECK(reader.has("payment"));
  CHECK_FALSE(reader.has("section"));
  CHECK_FALSE(reader.has("payment.note"));
  CHECK(reader.good());
}

TEST_CASE("absent members have their default, null counts as absent") {
  JsonReader reader;
  REQUIRE(reader.parse(R"({"fence":null,"fast":null})"));
  CHECK(reader.integer("fence", 0, 9, 3) == 3);
  CHECK(reader.integer("quantity", 1, 9, 2) == 2);
  CHECK_FALSE(reader.boolean("fast", false));
  CHECK_FALSE(reader.has("fence"));
  CHECK(reader.good());
}

TEST_CASE("what is wrong names its member") {
  std::array<std::string_view, 2> room;
  auto integer = [](const char* path) { return [path](JsonReader& reader) { reader.integer(path, 1, 64); }; };
  auto text = [](const char* path) { return [path](JsonReader& reader) { reader.text(path, 1, 4); }; };
  auto texts = [&](JsonReader& reader) { CHECK(reader.texts("seats", room) == 0); };
  CHECK(problem_of("{}", integer("quantity")) == "quantity is missing");
  CHECK(problem_of(R"({"quantity":null})", integer("quantity")) == "quantity is missing");
  for (const auto* body : {R"({"quantity":"2"})", R"({"quantity":2.0})", R"({"quantity":0})", R"({"quantity":65})",
                           R"({"quantity":true})", R"({"quantity":[2]})", R"({"quantity":18446744073709551615})"}) {
    CHECK(problem_of(body, integer("quantity")) == "quantity must be an integer from 1 to 64");
  }
  CHECK(problem_of(R"({"payment":{}})", text("payment.reference")) == "payment.reference is missing");
  CHECK(problem_of(R"({})", text("payment.reference")) == "payment.reference is missing");
  CHECK(problem_of(R"({"payment":"x"})", text("payment.reference")) == "payment must be an object");
  for (const auto* body :
       {R"({"a":7})", R"({"a":""})", R"({"a":"12345"})", R"({"a":"x\u0000"})", R"({"a":"x\n"})", R"({"a":{}})"}) {
    CHECK(problem_of(body, text("a")) == "a must be a text of 1 to 4 bytes without control characters");
  }
  for (const auto* body : {R"({"seats":[]})", R"({"seats":"A"})", R"({"seats":{}})", R"({"seats":["a","b","c"]})"}) {
    CHECK(problem_of(body, texts) == "seats must be an array of 1 to 2 texts");
  }
  CHECK(problem_of(R"({"seats":["a",7]})", texts) == "seats[1] must be a text without control characters");
  CHECK(problem_of(R"({"seats":["a\u0000"]})", texts) == "seats[0] must be a text without control characters");
  CHECK(problem_of(R"({"fast":1})", [](JsonReader& reader) { reader.boolean("fast", false); }) ==
        "fast must be true or false");
}

TEST_CASE("the first problem is kept and later reads answer their default") {
  JsonReader reader;
  REQUIRE(reader.parse(R"({"a":"x","b":5})"));
  CHECK(reader.integer("a", 1, 9) == 1);
  CHECK(reader.integer("b", 1, 9, 2) == 2);
  CHECK(reader.text("c", 1, 9) == "");
  CHECK_FALSE(reader.has("b"));
  reader.fail("b", "is odd");
  CHECK(reader.problem() == "a must be an integer from 1 to 9");
  REQUIRE(reader.parse(R"({"b":5})"));
  reader.fail("b", "is odd");
  CHECK(reader.problem() == "b is odd");
}

TEST_CASE("a member that appears twice is refused where it stands") {
  CHECK(problem_of(R"({"a":1,"a":2})", [](JsonReader& reader) { reader.integer("a", 0, 9); }) == "a appears twice");
  CHECK(problem_of(R"({"a":1,"a":null})", [](JsonReader& reader) { reader.has("a"); }) == "a appears twice");
  CHECK(problem_of(R"({"p":{"x":1,"x":1}})", [](JsonReader& reader) { reader.has("p.x"); }) == "p.x appears twice");
  CHECK(problem_of(R"({"p":{"x":1},"p":{"x":2}})", [](JsonReader& reader) { reader.has("p.x"); }) == "p appears twice");
}

TEST_CASE("a body that is broken anywhere is refused, also behind the last member") {
  JsonReader reader;
  for (std::size_t size = 0; size < confirm.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(reader.parse(confirm.substr(0, size)));
    CHECK(reader.problem().starts_with("the body is not valid JSON"));
    CHECK(reader.integer("fence", 0, 9, 3) == 3);
  }
  for (const auto* body : {R"({"fence":7}})", R"({"fence":7} x)", R"({"fence":7,})", R"({fence:7})", "{'fence':7}",
                           "{\"fence\":7,\"x\":\"\xff\"}", R"({"fence":07})", R"({"fence":7,"x":nul})"}) {
    CAPTURE(body);
    CHECK_FALSE(reader.parse(body));
  }
  for (const auto* body : {"[]", "7", "\"x\"", "null"}) {
    CHECK_FALSE(reader.parse(body));
    CHECK(reader.problem() == "the body must be a JSON object");
  }
  CHECK(reader.parse(confirm));  // and the reader is as good as new
}

TEST_CASE("a deep body is refused, not recursed into") {
  std::string deep = "{\"a\":";
  for (int at = 0; at < 8000; ++at) deep += '[';
  JsonReader reader;
  CHECK_FALSE(reader.parse(deep));
}
