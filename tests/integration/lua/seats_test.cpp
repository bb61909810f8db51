// The scripts around seats: hold, extend, release, confirm, recorded.
#include <doctest/doctest.h>

#include "tests/integration/lua/sale.hpp"

using lua_tests::Sale;

namespace {
bool starts(const std::string& text, std::string_view with) { return text.starts_with(with); }
}  // namespace

TEST_CASE("of two holds for one seat in one call the second is refused and takes nothing") {
  Sale sale;
  sale.admit({"a", "b"});
  const auto replies = sale.epoch1("hold", {"H1", "a", "0,1", "100", "", "", "H2", "b", "1,2", "100", "", ""});
  CHECK(starts(replies, "[[ok,H1,"));
  CHECK(replies.ends_with(",[seat_taken,1]]"));
  CHECK(sale.seats() == "hh..........");
  CHECK(sale.counters_agree());
}

TEST_CASE("a hold asked for twice in one call is one hold, and so is a key used twice in it") {
  Sale sale;
  sale.admit({"a", "b"});
  const auto twice = sale.epoch1("hold", {"H1", "a", "3", "100", "", "", "H1", "a", "3", "100", "", ""});
  CHECK(twice.substr(1, twice.size() / 2 - 1) == twice.substr(twice.size() / 2 + 1, twice.size() / 2 - 1));
  const auto keyed = sale.epoch1(
      "hold", {"H2", "b", "g:0:6:6:1", "1", "digest", "print", "H3", "b", "g:0:6:6:1", "1", "digest", "print"});
  CHECK(keyed.find("[replayed,ok;H2;") != std::string::npos);
  CHECK(starts(sale.epoch1("hold", {"H4", "a", "5", "1", "", "", "H5", "a", "5", "1", "", ""}).substr(1), "[ok,H4,"));
  CHECK(sale.command({"HLEN", "hold"}) == "3");
  CHECK(sale.counters_agree());
}

TEST_CASE("holds of one call count against the limit of their user together") {
  Sale sale;
  sale.admit({"a"});
  const auto replies = sale.epoch1("hold", {"H1", "a", "0,1",       "1", "", "", "H2", "a", "2,3,4", "1", "", "",
                                            "H3", "a", "g:0:6:6:2", "1", "", "", "H4", "a", "5",     "1", "", ""});
  CHECK(replies.find(",[hold_limit],[ok,H3,") != std::string::npos);
  CHECK(replies.ends_with(",[hold_limit]]"));
  CHECK(sale.seats() == "hh....hh....");
  CHECK(starts(sale.command({"HGET", "user", "a"}), "-;4;0;H1,H3"));
}

TEST_CASE("places of a standing section go to each hold of one call once, until there are none") {
  Sale sale;
  sale.admit({"a", "b", "c"});
  const auto replies = sale.epoch1("hold", {"H1", "a", "g:0:6:6:3", "1", "", "", "H2", "b", "g:0:6:6:4", "1", "", "",
                                            "H3", "c", "g:0:6:6:3", "1", "", ""});
  CHECK(replies.find(",6,7,8,") != std::string::npos);
  CHECK(replies.find(",[sold_out],[ok,H3,") != std::string::npos);
  CHECK(sale.seats() == "......hhhhhh");
  CHECK(sale.counters_agree());
}

TEST_CASE("a damaged record ends its call before anybody's seat is taken") {
  Sale sale;
  sale.admit({"a", "b"});
  sale.command({"HSET", "user", "b", "damaged"});
  const auto replies = sale.epoch1("hold", {"H1", "a", "0", "1", "", "", "H2", "b", "1", "1", "", ""});
  CHECK(replies.find("H1") == std::string::npos);
  CHECK(sale.seats() == "............");
  CHECK(sale.command({"HLEN", "hold"}) == "0");
}

TEST_CASE("a hold script sent twice after a lost answer is one hold") {
  Sale sale;
  sale.admit({"a"});
  const auto first = sale.hold("H1", "a", "3");
  CHECK(sale.hold("H1", "a", "3") == first);
  CHECK(sale.meta("held") == "1");
}

TEST_CASE("who asks again for exactly the seats of an own hold gets that hold, not a second one") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "3,4");
  CHECK(starts(sale.hold("H2", "a", "3,4"), "[[own,H1,"));
  CHECK(starts(sale.hold("H3", "a", "3"), "[[seat_taken,3]]"));
}

TEST_CASE("a key used again gives the first answer, also when that was a refusal, and is refused for another request") {
  Sale sale;
  sale.admit({"a", "b"});
  sale.hold("H1", "a", "0");
  const std::vector<std::string> refused{"H2", "b", "0", "100", "digest", "print"};
  CHECK(sale.epoch1("hold", refused) == "[[seat_taken,0]]");
  sale.epoch1("release", {"H1", "a", "", ""});
  CHECK(sale.epoch1("hold", refused) == "[[replayed,seat_taken;0]]");
  CHECK(sale.epoch1("hold", {"H2", "b", "5", "100", "digest", "other"}) == "[[idempotency_mismatch]]");
  CHECK(sale.seats() == "............");
}

TEST_CASE("holds and orders together never pass the limit of a user") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0,1,2");
  CHECK(sale.hold("H2", "a", "4,5") == "[[hold_limit]]");
  CHECK(starts(sale.hold("H3", "a", "4"), "[[ok"));
  CHECK(sale.hold("H4", "a", "g:0:6:6:1") == "[[hold_limit]]");
  sale.confirm("H1", "a", "pay", "100");
  CHECK(sale.epoch1("hold", {"H5", "a", "6", "100", "", ""}) == "[[not_admitted]]");  // the admission is used up
}

TEST_CASE("nobody holds without being active, and not past the admission's end") {
  Sale sale;
  CHECK(sale.hold("H1", "stranger", "0") == "[[not_admitted]]");
  sale.command({"ZADD", "active", "1", "late"});
  CHECK(sale.hold("H2", "late", "0") == "[[admission_expired]]");
  CHECK(sale.seats() == "............");
}

TEST_CASE("places of a standing section are found past those taken, and freed ones are found again") {
  Sale sale;
  sale.admit({"a", "b", "c"});
  CHECK(sale.hold("H1", "a", "g:1:4:8:3").ends_with(",1,4,5,6,300]]"));
  CHECK(sale.seats() == "....hhh.....");
  sale.hold("H2", "b", "g:1:4:8:3");
  CHECK(sale.seats() == "....hhhhhh..");
  CHECK(sale.hold("H3", "c", "g:1:4:8:3") == "[[sold_out]]");
  sale.epoch1("release", {"H1", "a", "", ""});
  CHECK(starts(sale.hold("H4", "c", "g:1:4:8:4"), "[[ok"));
  CHECK(sale.seats() == "....hhhhhhh.");
  CHECK(sale.counters_agree());
}

TEST_CASE("a paused, closed or frozen event takes no new hold, and a full log says overloaded") {
  Sale sale;
  sale.admit({"a"});
  sale.call("transition", {"1", "open", "paused"});
  CHECK(sale.hold("H1", "a", "0") == "[[event_not_open]]");
  sale.call("transition", {"1", "paused", "open"});
  sale.command({"HSET", "meta", "log_max", "1"});
  CHECK(sale.hold("H1", "a", "0") == "[[overloaded]]");
  sale.command({"HSET", "meta", "log_max", "1000"});
  sale.call("transition", {"1", "open", "closed"});
  CHECK(sale.hold("H1", "a", "0") == "[[event_closed]]");
}

TEST_CASE("an extension is given once, moves the deadline, and never revives an ended hold") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  CHECK(starts(sale.epoch1("extend", {"H1", "a", "", ""}), "[[ok,H;a;"));
  CHECK(sale.epoch1("extend", {"H1", "a", "", ""}) == "[[extension_limit]]");
  CHECK(sale.epoch1("extend", {"H1", "b", "", ""}) == "[[hold_not_found]]");
  sale.epoch1("release", {"H1", "a", "", ""});
  CHECK(sale.epoch1("extend", {"H1", "a", "", ""}) == "[[hold_expired]]");
}

TEST_CASE("releasing twice frees once, and an order cannot be released") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  CHECK(sale.epoch1("release", {"H1", "a", "", "", "H1", "a", "", ""}) == "[[ok,0],[ok,0]]");
  CHECK(sale.meta("available") == "12");
  sale.hold("H2", "a", "0");
  sale.confirm("H2", "a", "pay", "100");
  CHECK(sale.epoch1("release", {"H2", "a", "", ""}) == "[[already_paid]]");
  CHECK(sale.seats() == "x...........");
}

TEST_CASE("a confirm repeated after a lost answer is one order with one payment") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0,1");
  const auto first = sale.confirm("H1", "a", "pay", "100");
  CHECK(starts(first, "[[ok,C;a;"));
  CHECK(sale.confirm("H1", "a", "pay", "100") == first);
  CHECK(sale.meta("sold") == "2");
  CHECK(sale.command({"ZRANGE", "unrecorded", "0", "-1"}) == "[H1]");
  CHECK(sale.counters_agree());
}

TEST_CASE("a second payment for one order, a wrong amount and a strange fence are kept as refunds") {
  Sale sale;
  sale.admit({"a", "b"});
  sale.hold("H1", "a", "0");
  sale.hold("H2", "b", "1");
  sale.confirm("H1", "a", "pay1", "100");
  CHECK(sale.confirm("H1", "a", "pay2", "100") == "[[already_paid,1,0]]");
  CHECK(sale.confirm("H2", "b", "pay3", "99") == "[[amount_mismatch,1,0]]");
  CHECK(sale.epoch1("confirm", {"H2", "b", "pay4", "100", "KRW", "1", "7", "", "", "0"}) == "[[stale_fence,1,0]]");
  CHECK(sale.epoch1("confirm", {"H2", "b", "pay5", "100", "EUR", "0", "", "", "", "0"}) == "[[amount_mismatch,1,0]]");
  CHECK(sale.command({"ZCARD", "unrecorded"}) == "5");
  CHECK(sale.command({"HGET", "payments", "pay3"}) == "amount_mismatch;H2;b;99;KRW");
  CHECK(sale.seats() == "xh..........");
}

TEST_CASE("the decision on a payment never changes, and money spent on one hold buys no other") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  sale.hold("H2", "a", "1");
  CHECK(sale.confirm("H1", "a", "pay", "99") == "[[amount_mismatch,1,0]]");
  CHECK(sale.confirm("H1", "a", "pay", "100") == "[[amount_mismatch,1,0]]");
  CHECK(sale.confirm("H2", "a", "pay", "100") == "[[already_paid,0,0]]");
  CHECK(starts(sale.confirm("H2", "a", "pay2", "100"), "[[ok,C"));
}

TEST_CASE("a late payment takes its ended hold's seats again while they are free, else it is a refund") {
  Sale sale;
  sale.admit({"a", "b"});
  sale.hold("H1", "a", "0,1");
  sale.epoch1("release", {"H1", "a", "", ""});
  sale.hold("H2", "a", "2");
  sale.epoch1("release", {"H2", "a", "", ""});
  sale.hold("H3", "b", "1");
  CHECK(sale.confirm("H1", "a", "pay1", "100") == "[[hold_expired,1,0]]");
  CHECK(starts(sale.confirm("H2", "a", "pay2", "100"), "[[ok,C"));
  CHECK(sale.seats() == ".hx.........");
  CHECK(sale.counters_agree());
}

TEST_CASE("holding, releasing and paying late does not buy more than the limit") {
  Sale sale;
  sale.admit({"a"});
  for (const std::string at : {"0", "2", "4"}) {
    sale.hold("H" + at, "a", at + "," + std::to_string(std::stoi(at) + 1));
    sale.epoch1("release", {"H" + at, "a", "", ""});
  }
  CHECK(starts(sale.confirm("H0", "a", "pay0", "100"), "[[ok,C"));
  CHECK(starts(sale.confirm("H2", "a", "pay2", "100"), "[[ok,C"));
  CHECK(sale.confirm("H4", "a", "pay4", "100") == "[[hold_expired,1,0]]");
  CHECK(sale.seats() == "xxxx........");
}

TEST_CASE("an extension asked for again with its key is the same extension, and a key means one request") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  const auto first = sale.epoch1("extend", {"H1", "a", "key", "print"});
  const auto again = sale.epoch1("extend", {"H1", "a", "key", "print"});
  CHECK(first.ends_with(",0]]"));
  CHECK(again.ends_with(",1]]"));
  CHECK(first.substr(0, first.find(";;;")) == again.substr(0, again.find(";;;")));
  CHECK(sale.epoch1("extend", {"H1", "a", "key", "other"}) == "[[idempotency_mismatch]]");
  CHECK(sale.epoch1("release", {"H1", "a", "key", "release"}) == "[[idempotency_mismatch]]");
  CHECK(sale.epoch1("release", {"H1", "a", "key2", "release"}) == "[[ok,0]]");
  CHECK(sale.epoch1("release", {"H1", "a", "key2", "release"}) == "[[ok,1]]");
}

TEST_CASE("somebody else's hold cannot be confirmed, nor one that never was") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  CHECK(sale.confirm("H1", "thief", "pay", "100") == "[[hold_not_found]]");
  CHECK(sale.confirm("H9", "a", "pay", "100") == "[[hold_not_found]]");
  CHECK(sale.command({"EXISTS", "payments"}) == "0");
}

TEST_CASE("a payment for a hold that Redis lost in a rebuild is kept as a refund") {
  Sale sale;
  sale.call("freeze", {"2", "open"});
  sale.call("thaw", {"2", "other"});
  const std::vector<std::string> lost{"2", "H1", "a", "pay", "100", "KRW", "1", "", "", "", "1000"};
  CHECK(sale.call("confirm", lost) == "[[hold_expired,1,0]]");
  CHECK(sale.command({"ZRANGE", "unrecorded", "0", "-1"}) == "[p:pay]");
}

TEST_CASE("a recorded order is announced once however often it is reported") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  sale.confirm("H1", "a", "pay", "100");
  sale.epoch1("recorded", {"H1", "confirmed", "", ""});
  const auto entries = sale.command({"XLEN", "log"});
  sale.epoch1("recorded", {"H1", "confirmed", "", "", "H1", "rejected", "", "seat_taken"});
  CHECK(sale.command({"XLEN", "log"}) == entries);
  CHECK(starts(sale.epoch1("find", {"H1", "a"}), "[[ok,R;"));
  CHECK(sale.command({"ZCARD", "unrecorded"}) == "0");
}

TEST_CASE("a rejected order frees its seats, except those that PostgreSQL knows to be somebody else's") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0,1,2");
  sale.confirm("H1", "a", "pay", "100");
  sale.epoch1("recorded", {"H1", "rejected", "1", "seat_taken"});
  CHECK(sale.seats() == ".x..........");
  CHECK(starts(sale.epoch1("find", {"H1", "a"}), "[[ok,J;a;"));
  CHECK(starts(sale.command({"HGET", "user", "a"}), "d;0;1;"));
  CHECK(sale.confirm("H1", "a", "pay", "100") == "[[order_rejected,1,0]]");
  CHECK(sale.counters_agree());
}

TEST_CASE("every script refuses another epoch and changes nothing") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  const auto before = sale.command({"HGETALL", "meta"});
  CHECK(sale.call("hold", {"2", "H2", "a", "1", "100", "", ""}) == "stale");
  CHECK(sale.call("confirm", {"2", "H1", "a", "pay", "100", "KRW", "1", "", "", "", "0"}) == "stale");
  CHECK(sale.call("release", {"0", "H1", "a", "", ""}) == "stale");
  CHECK(sale.call("recorded", {"2", "H1", "confirmed", "", ""}) == "stale");
  CHECK(sale.call("crank", {"2", "10"}) == "stale");
  CHECK(sale.call("place", {"2", "join", "a", "0", "0"}) == "stale");
  CHECK(sale.command({"HGETALL", "meta"}) == before);
}

TEST_CASE("a frozen event answers frozen everywhere") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  sale.call("freeze", {"2", "open"});
  CHECK(sale.call("hold", {"2", "H2", "a", "1", "100", "", ""}) == "[[frozen]]");
  CHECK(sale.call("confirm", {"2", "H1", "a", "pay", "100", "KRW", "1", "", "", "", "0"}) == "[[frozen]]");
  CHECK(sale.call("release", {"2", "H1", "a", "", ""}) == "[[frozen]]");
  CHECK(sale.call("extend", {"2", "H1", "a", "", ""}) == "[[frozen]]");
  CHECK(sale.call("find", {"2", "H1", "a"}) == "[[frozen]]");
  CHECK(sale.call("me", {"2", "a"}) == "[[frozen]]");
  CHECK(sale.call("leave", {"2", "a"}) == "[[frozen]]");
  CHECK(sale.call("place", {"2", "join", "b", "0", "0"}) == "[[frozen]]");
}

TEST_CASE("two nodes never see different maps of one version, also while an order is not recorded yet") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  const auto held = sale.epoch1("map", {"0"});
  sale.confirm("H1", "a", "pay", "100");
  const auto sold = sale.epoch1("map", {"0"});
  sale.confirm("H1", "a", "pay", "100");
  CHECK(sale.epoch1("map", {"0"}) == sold);  // nothing has changed
  CHECK(held.ends_with(",h...........]]"));
  CHECK(sold.ends_with(",x...........]]"));
  const auto version = [](const std::string& map) { return map.substr(0, map.rfind(',')); };
  CHECK(version(held) < version(sold));
  sale.epoch1("recorded", {"H1", "confirmed", "", ""});
  CHECK(version(sold) < version(sale.epoch1("map", {"0"})));
}

TEST_CASE("a map that is being rebuilt is not shown") {
  Sale sale;
  sale.call("freeze", {"2", "open"});
  CHECK(sale.call("map", {"2", "0"}) == "[[frozen]]");
  CHECK(sale.call("map", {"1", "0"}) == "stale");
}

TEST_CASE("a map that ends before its section does stops no search, and so not Redis") {
  Sale sale;
  sale.admit({"a"});
  sale.command({"DEL", "seats"});
  CHECK(sale.hold("H1", "a", "g:0:0:12:2") == "[[sold_out]]");
  CHECK(starts(sale.hold("H2", "a", "3"), "[[seat_taken,3]]"));
}
