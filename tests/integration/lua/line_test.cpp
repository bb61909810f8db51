// The scripts around the line: place, leave, crank, and an event's life.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "tests/integration/lua/sale.hpp"

using lua_tests::Sale;

namespace {

bool starts(const std::string& text, std::string_view with) { return text.starts_with(with); }
void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds{ms}); }
constexpr const char* first_number = "4294967296";  // epoch 1

}  // namespace

TEST_CASE("joining twice, also in one call, gives the same place") {
  Sale sale;
  const auto replies = sale.epoch1("place", {"join", "a", "0", "0", "join", "b", "0", "0", "join", "a", "0", "0"});
  CHECK(replies == "[[waiting,4294967296,1,2,1],[waiting,4294967297,2,2,1],[waiting,4294967296,1,2,0]]");
  CHECK(sale.epoch1("place", {"join", "a", "0", "0"}) == "[[waiting,4294967296,1,2,0]]");
  CHECK(sale.meta("next") == "4294967298");
}

TEST_CASE("polling does not join, and a stranger has no place") {
  Sale sale;
  CHECK(sale.epoch1("place", {"poll", "a", "0", "0"}) == "[[expired]]");
  CHECK(sale.command({"EXISTS", "line"}) == "0");
}

TEST_CASE("after a loss of Redis a ticket brings its old place back, but not one the line had moved past") {
  Sale sale;
  sale.call("freeze", {"2", "open"});
  sale.call("thaw", {"2", "other"});
  sale.command({"HSET", "meta", "head", "4294967299"});
  const auto replies = sale.call("place", {"2", "join", "new", "0", "0", "poll", "old", "4294967300", "1", "join",
                                           "passed", "4294967299", "1", "poll", "passed2", "4294967298", "1"});
  CHECK(replies == "[[waiting,8589934592,2,3,1],[waiting,4294967300,1,3,0],[waiting,8589934593,3,3,1],[expired]]");
}

TEST_CASE("a forged future number is not believed: numbers of a ticket are smaller than the next one") {
  Sale sale;
  sale.call("freeze", {"2", "open"});
  sale.call("thaw", {"2", "other"});
  CHECK(sale.call("place", {"2", "join", "a", "99999999999", "1"}) == "[[waiting,8589934592,1,1,1]]");
}

TEST_CASE("the rate and the cap hold: time earns admissions, and never more than active_max are active") {
  Sale::Terms terms;
  terms.rate_per_s = "20";
  terms.active_max = "3";
  Sale sale{12, terms};
  for (int at = 0; at < 10; ++at) sale.epoch1("place", {"join", "u" + std::to_string(at), "0", "0"});
  sale.epoch1("crank", {"100"});
  wait_ms(110);  // two at twenty a second
  sale.epoch1("crank", {"100"});
  const auto after = sale.command({"ZCARD", "active"});
  CHECK(std::stoi(after) >= 2);
  wait_ms(400);
  sale.epoch1("crank", {"100"});
  CHECK(sale.command({"ZCARD", "active"}) == "3");
  CHECK(sale.command({"ZRANGE", "active", "0", "-1"}) == "[u0,u1,u2]");  // in the order they came
  CHECK(sale.meta("head") == "4294967298");
}

TEST_CASE("a stalled crank does not let a crowd in at once") {
  Sale::Terms terms;
  terms.rate_per_s = "40";
  Sale sale{12, terms};
  for (int at = 0; at < 60; ++at) sale.epoch1("place", {"join", "u" + std::to_string(at), "0", "0"});
  sale.command({"HSET", "meta", "bucket_at_ms", "0"});  // as if nobody had turned it for fifty years
  sale.epoch1("crank", {"100"});
  CHECK(sale.command({"ZCARD", "active"}) == "10");
}

TEST_CASE("nobody is let in to an empty shop or while too many orders wait to be recorded") {
  Sale sale;
  sale.epoch1("place", {"join", "a", "0", "0"});
  sale.command({"HSET", "meta", "available", "0", "held", "12", "tokens", "5"});
  CHECK(starts(sale.epoch1("crank", {"100"}), "[[ok,open,0,"));
  sale.command({"HSET", "meta", "available", "12", "held", "0", "lag_max", "0", "tokens", "5"});
  sale.command({"ZADD", "unrecorded", "1", "H1"});
  CHECK(starts(sale.epoch1("crank", {"100"}), "[[ok,open,0,"));
  sale.command({"DEL", "unrecorded"});
  CHECK(starts(sale.epoch1("crank", {"100"}), "[[ok,open,1,"));
}

TEST_CASE("an admission that ran out says so, and the user may join again at the end") {
  Sale sale;
  sale.epoch1("place", {"join", "first", "0", "0"});
  sale.command({"ZADD", "active", "1", "late"});
  sale.epoch1("crank", {"100"});
  CHECK(sale.epoch1("place", {"poll", "late", first_number, "1"}) == "[[expired]]");
  CHECK(starts(sale.epoch1("place", {"join", "late", "0", "0"}), "[[waiting,"));
}

TEST_CASE("who has used the admission is done, and may come again only while the limit allows") {
  Sale sale;
  sale.admit({"a", "b"});
  sale.hold("H1", "a", "0");
  sale.confirm("H1", "a", "pay1", "100");
  sale.hold("H2", "b", "1,2,3,4");
  sale.confirm("H2", "b", "pay2", "100");
  CHECK(sale.epoch1("place", {"poll", "a", "0", "0", "poll", "b", "0", "0"}) == "[[done],[done]]");
  CHECK(sale.epoch1("place", {"join", "b", "0", "0"}) == "[[done]]");
  CHECK(starts(sale.epoch1("place", {"join", "a", "0", "0"}), "[[waiting,"));
}

TEST_CASE("leaving frees what is only held, keeps orders, and twice is once") {
  Sale sale;
  sale.admit({"a"});
  sale.hold("H1", "a", "0");
  sale.hold("H2", "a", "1");
  sale.confirm("H2", "a", "pay", "100");
  CHECK(sale.epoch1("leave", {"a", "a"}) == "[[ok],[ok]]");
  CHECK(sale.seats() == ".x..........");
  sale.epoch1("place", {"join", "w", "0", "0"});
  sale.epoch1("leave", {"w"});
  CHECK(sale.epoch1("place", {"poll", "w", "0", "0"}) == "[[done]]");
  CHECK(sale.counters_agree());
}

TEST_CASE("an expired hold's seats come back with the crank, and its deadline counts before that") {
  Sale::Terms terms;
  terms.hold_ttl_ms = "30";
  Sale sale{12, terms};
  sale.admit({"a", "b"});
  sale.hold("H1", "a", "0");
  wait_ms(50);
  CHECK(sale.epoch1("extend", {"H1", "a", "", ""}) == "[[hold_expired]]");
  CHECK(sale.hold("H2", "b", "0") == "[[seat_taken,0]]");
  sale.epoch1("crank", {"100"});
  CHECK(starts(sale.hold("H3", "b", "0"), "[[ok,H3"));
  CHECK(starts(sale.epoch1("find", {"H1", "a"}), "[[ok,E;"));
  CHECK(sale.counters_agree());
}

TEST_CASE("sold out is said to who waits, and taken back when seats return") {
  Sale sale{1, Sale::Terms{}};
  sale.admit({"a"});
  sale.epoch1("place", {"join", "w", "0", "0"});
  sale.hold("H1", "a", "0");
  sale.confirm("H1", "a", "pay", "100");
  CHECK(sale.epoch1("place", {"poll", "w", "0", "0"}) == "[[sold_out,4294967296,0]]");
  sale.epoch1("crank", {"100"});
  CHECK(sale.meta("sold_out") == "1");
  sale.epoch1("recorded", {"H1", "rejected", "", "seat_taken"});
  CHECK(starts(sale.epoch1("place", {"poll", "w", "0", "0"}), "[[waiting,"));
}

TEST_CASE("a pause takes no time from the admitted, a freeze none from anybody") {
  Sale sale;
  sale.command({"ZADD", "active", "1000000", "a"});
  sale.call("transition", {"1", "open", "paused"});
  CHECK(sale.epoch1("place", {"poll", "a", "0", "0"}) == "[[admitted,1000000]]");
  wait_ms(30);
  sale.call("transition", {"1", "paused", "open"});
  CHECK(std::stoll(sale.command({"ZSCORE", "active", "a"})) >= 1000030);
  sale.admit({"b"});
  sale.hold("H1", "b", "0");
  const auto deadline = std::stoll(sale.command({"ZSCORE", "holds", "H1"}));
  sale.call("freeze", {"2", "open"});
  wait_ms(30);
  sale.call("thaw", {"2", "other"});
  const auto later = std::stoll(sale.command({"ZSCORE", "holds", "H1"}));
  CHECK(later >= deadline + 30);
  CHECK(starts(sale.command({"HGET", "hold", "H1"}), "H;b;" + std::to_string(later)));
}

TEST_CASE("a transition from a state the event is not in is refused, a repeated one is done already") {
  Sale sale;
  CHECK(sale.call("transition", {"1", "lobby", "paused"}) == "bad_transition");
  CHECK(sale.call("transition", {"1", "open", "paused"}) == "ok");
  const auto entries = sale.command({"XLEN", "log"});
  CHECK(sale.call("transition", {"1", "open", "paused"}) == "ok");
  CHECK(sale.command({"XLEN", "log"}) == entries);
}

TEST_CASE("a freeze of an earlier epoch than Redis knows is refused, and a thaw twice is once") {
  Sale sale;
  CHECK(starts(sale.call("freeze", {"3", "open"}), "[ok,open,1]"));
  CHECK(sale.call("freeze", {"2", "open"}) == "stale");
  CHECK(sale.call("thaw", {"3", "r"}) == "ok");
  const auto seq = sale.meta("seq");
  CHECK(sale.call("thaw", {"3", "r"}) == "ok");
  CHECK(sale.meta("seq") == seq);
  CHECK(sale.call("thaw", {"2", "r"}) == "stale");
}

TEST_CASE("after Redis lost the line nobody is let in until those with tickets could come back") {
  Sale sale;
  sale.command({"DEL", "meta"});
  sale.call("freeze", {"2", "open"});
  sale.command({"HSET",           "meta", "rate_per_s", "1000", "active_max", "9", "active_ttl_ms", "60000",
                "lag_max",        "9",    "available",  "12",   "held",       "0", "sold",          "0",
                "seats_per_user", "4",    "reform_ms",  "60"});
  sale.call("thaw", {"2", "other"});
  CHECK(sale.call("place", {"2", "join", "new", "0", "0", "poll", "old", "4294967300", "1"}) ==
        "[[waiting,8589934592,0,2,1],[waiting,4294967300,0,2,0]]");  // who is in front may still be missing
  wait_ms(20);
  CHECK(starts(sale.call("crank", {"2", "1"}), "[[ok,open,0,"));
  wait_ms(60);
  CHECK(starts(sale.call("crank", {"2", "1"}), "[[ok,open,1,"));
  CHECK(sale.command({"ZRANGE", "active", "0", "-1"}) == "[old]");
}

TEST_CASE("an admission Redis forgot counts again until it runs out, one that was used or given back does not") {
  Sale sale;
  sale.call("freeze", {"2", "open"});
  sale.call("thaw", {"2", "other"});
  const std::string later = "99999999999999";
  sale.call("place", {"2", "join", "a", "0", "0"});
  CHECK(sale.call("readmit", {"2", "a", "1", later}) == "[[ok]]");
  CHECK(sale.call("place", {"2", "poll", "a", "0", "0"}) == "[[admitted," + later + "]]");
  CHECK(sale.call("readmit", {"2", "b", "2", later}) == "[[not_admitted]]");  // of this epoch: nothing was forgotten
  CHECK(sale.call("readmit", {"2", "b", "1", "1000"}) == "[[not_admitted]]");
  sale.call("leave", {"2", "a"});
  CHECK(sale.call("readmit", {"2", "a", "1", later}) == "[[not_admitted]]");
  CHECK(sale.call("readmit", {"1", "b", "1", later}) == "stale");
}

TEST_CASE("seq grows strictly through every transition, across epochs too") {
  Sale sale;
  sale.admit({"a"});
  auto last = std::stoll(sale.meta("seq"));
  const auto grew = [&] { return std::stoll(sale.meta("seq")) > std::exchange(last, std::stoll(sale.meta("seq"))); };
  sale.hold("H1", "a", "0");
  CHECK(grew());
  sale.epoch1("release", {"H1", "a", "", ""});
  CHECK(grew());
  sale.call("freeze", {"2", "open"});
  CHECK(grew());
  sale.call("thaw", {"2", "r"});
  CHECK(grew());
}

TEST_CASE("one node at a time may announce, and one that lost the lease moves no cursor") {
  Sale sale;
  CHECK(sale.call("lease", {"node-1", "40"}) == "[1,1]");
  CHECK(sale.call("lease", {"node-2", "1000"}) == "[0,1]");
  CHECK(sale.call("cursor", {"node-1", "1", "4294967297", "0"}) == "ok");
  wait_ms(60);
  CHECK(sale.call("lease", {"node-2", "1000"}) == "[1,2]");
  CHECK(sale.call("cursor", {"node-1", "1", "4294967298", "0"}) == "lost");
  CHECK(sale.call("cursor", {"node-2", "2", "4294967290", "0"}) == "ok");
  CHECK(sale.command({"HGET", "cursors", "announcer"}) == "4294967297");
}
