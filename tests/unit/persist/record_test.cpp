#include "persist/record.hpp"

#include <doctest/doctest.h>

#include "persist/dead_letters.hpp"
#include "persist/text_list.hpp"

using persist::Sql;

namespace {

persist::Order row(const std::string& event, int64_t epoch, const std::string& id) {
  persist::Order order;
  order.event = event, order.epoch = epoch, order.order = id;
  return order;
}

std::string shape(const std::vector<persist::Order>& rows, std::size_t most) {
  std::string out;
  for (const auto& group : persist::groups_of(std::span<const persist::Order>{rows}, most)) {
    if (!out.empty()) out += ' ';
    for (const auto* order : group) out += order->order;
  }
  return out;
}

}  // namespace

TEST_CASE("groups_of: rows of two events or epochs never share a transaction, and keep their order") {
  CHECK(shape({row("x", 1, "a"), row("y", 1, "b"), row("x", 1, "c"), row("x", 2, "d"), row("y", 1, "e")}, 10) ==
        "ac be d");
}

TEST_CASE("groups_of: a group that is full is followed by another") {
  CHECK(shape({row("x", 1, "a"), row("x", 1, "b"), row("x", 1, "c"), row("x", 1, "d"), row("x", 1, "e")}, 2) ==
        "ab cd e");
}

TEST_CASE("groups_of: nothing makes no group") { CHECK(shape({}, 4).empty()); }

TEST_CASE("classify: only errors that the data cause put a row aside") {
  for (const char* data : {"22021", "22P05", "23514", "23502", "54000"})
    CHECK(persist::classify(data) == Sql::unacceptable);
  CHECK(persist::classify("23505") == Sql::conflict);
  for (const char* server : {"08006", "57P01", "57014", "53300", "40001", "40P01", "25006", "28P01", "42883", "3D000",
                             "55P03", "58030", "XX000", ""})
    CHECK(persist::classify(server) == Sql::retry);
}

TEST_CASE("printable: bytes that a database or a log could choke on are shown, not passed on") {
  CHECK(persist::printable(std::string_view{"a\0\xff\n\"z", 6}) == "a\\x00\\xff\\x0a\"z");
  CHECK(persist::printable("abcdef", 3) == "abc");
}

TEST_CASE("split: gives back what was joined, and nothing for nothing") {
  CHECK(persist::split("").empty());
  for (const std::vector<std::string>& seats : {std::vector<std::string>{"A-1-3"}, {"A-1-3", "A-1-4", "GA-0-17"}})
    CHECK(persist::split(persist::join(seats)) == seats);
}
