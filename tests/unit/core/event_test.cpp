#include "core/event.hpp"

#include <doctest/doctest.h>

#include <set>

#include "core/limits.hpp"

using core::Event;

namespace {

Event small_hall() {
  Event event;
  event.id = "concert";
  event.sections = {{"A", "Floor", 15400, false, 0, 0, {{"1", 1, 3, 0}, {"2", 5, 2, 0}}, {}},
                    {"A-1", "Balcony", 9900, false, 0, 0, {{"1", 1, 2, 0}}, {}},
                    {"GA", "Standing", 5000, true, 0, 0, {{"0", 1, 10, 0}}, {}}};
  event.number_seats();
  return event;
}

}  // namespace

TEST_CASE("every seat has one id and every id leads back to its seat") {
  const auto event = small_hall();
  REQUIRE(event.seat_count == 17);
  std::set<std::string> ids;
  for (uint32_t seat = 0; seat < event.seat_count; ++seat) {
    const auto id = event.seat_id(seat);
    CAPTURE(id);
    ids.insert(id);
    CHECK(event.seat_index(id) == seat);
  }
  CHECK(ids.size() == 17);
  CHECK(event.seat_id(0) == "A-1-1");
  CHECK(event.seat_id(3) == "A-2-5");
  CHECK(event.seat_id(5) == "A-1-1-1");
  CHECK(event.seat_id(16) == "GA-0-10");
}

TEST_CASE("a section whose id holds a dash is not mistaken for a row of another section") {
  const auto event = small_hall();
  CHECK(event.section_of(*event.seat_index("A-1-1-2")).id == "A-1");
  CHECK(event.section_of(*event.seat_index("A-1-2")).id == "A");
}

TEST_CASE("a seat that does not exist has no index") {
  const auto event = small_hall();
  for (const auto* id :
       {"",        "-",      "--",     "A",      "A-1",    "A-1-",   "A--1",           "-1-1",
        "A-1-0",   "A-1-4",  "A-2-4",  "A-2-7",  "A-3-1",  "B-1-1",  "a-1-1",          "GA-0-0",
        "GA-0-11", "GA-1-1", "A-1-01", "A-1-+1", "A-1- 1", "A-1-1 ", "A-1-4294967297", "A-1-18446744073709551617",
        "A-1-1x",  "A-1-1.0"}) {
    CAPTURE(id);
    CHECK_FALSE(event.seat_index(id).has_value());
  }
}

TEST_CASE("sections lie one after another and are found by id, whatever their order") {
  Event event;
  for (const auto* id : {"z", "a", "m"}) event.sections.push_back({id, id, 1, false, 0, 0, {{"r", 1, 4, 0}}, {}});
  event.number_seats();
  CHECK(event.section("z")->seat_base == 0);
  CHECK(event.section("a")->seat_base == 4);
  CHECK(event.section("m")->seat_base == 8);
  CHECK(event.section("m")->seats == 4);
  CHECK(event.section("b") == nullptr);
  CHECK(event.section("") == nullptr);
  CHECK(&event.section_of(7) == event.section("a"));
}

TEST_CASE("numbering the seats twice changes nothing") {
  auto event = small_hall();
  event.number_seats();
  CHECK(event.seat_count == 17);
  CHECK(event.sections[2].seat_base == 7);
  CHECK(event.sections[2].seats == 10);
}

TEST_CASE("states are named as the contract names them, both ways") {
  for (const auto* word : {"draft", "warmed", "lobby", "open", "paused", "frozen", "closed"}) {
    CAPTURE(word);
    REQUIRE(core::event_state(word).has_value());
    CHECK(core::name(*core::event_state(word)) == word);
  }
  for (const auto* word : {"", "Open", "opened", "ope"}) CHECK_FALSE(core::event_state(word).has_value());
}

TEST_CASE("an id that could break a key, a path or a record is not valid") {
  CHECK(core::valid_id("Winter-2026_v1.0"));
  CHECK(core::valid_id(std::string(64, 'a')));
  for (const auto& bad :
       {std::string{}, std::string(65, 'a'), std::string{"a b"}, std::string{"a/b"}, std::string{"a{b}"},
        std::string{"a:b"}, std::string{"\xc3\xa9"}, std::string{"a\n"}, std::string{"a\0b", 3}}) {
    CHECK_FALSE(core::valid_id(bad));
  }
  CHECK(core::valid_row("12.b_C"));
  CHECK_FALSE(core::valid_row("1-2"));
  CHECK_FALSE(core::valid_row(""));
  CHECK(core::valid_user("u-1:x@y.z_Q"));
  for (const auto& bad :
       {std::string{}, std::string(65, 'u'), std::string{"a;b"}, std::string{"a,b"}, std::string{"a b"}}) {
    CHECK_FALSE(core::valid_user(bad));
  }
}

TEST_CASE("the catalog finds its events and nothing else") {
  core::Catalog catalog;
  for (const auto* id : {"alpha", "beta", "gamma"}) {
    auto event = std::make_shared<Event>();
    event->id = id;
    catalog.events.push_back(event);
  }
  CHECK(catalog.find("beta")->id == "beta");
  for (const auto* id : {"", "alph", "alphaa", "zeta"}) CHECK(catalog.find(id) == nullptr);
  CHECK(core::Catalog{}.find("x") == nullptr);
}
