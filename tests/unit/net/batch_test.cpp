// Batches with a carrier of the test's own: no Redis, no ring, the turn's end is a call.
#include "net/batch.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using core::Error;
using net::Batch;
using net::Sink;
using net::resp::View;

namespace {

struct Item {
  int calls = 0;
  Error error = Error::none;
  std::string text;
  std::function<void()> then;
  Sink sink() {
    return {[](void* context, const View* reply, Error why) noexcept {
              auto& self = *static_cast<Item*>(context);
              ++self.calls;
              self.error = why;
              if (reply) self.text = reply->size() > 0 ? (*reply)[0].text() : reply->text();
              if (self.then) self.then();
            },
            this};
  }
};

// Keeps calls in the air until the test lands them.
struct Carrier {
  struct Call {
    std::vector<std::string> words;
    Sink sink;
  };
  std::vector<Call> calls;
  Error refuse = Error::none;

  net::ScriptCarrier carrier() { return {&script, this}; }
  void land(std::size_t call, const std::string& reply) {
    const auto view = net::resp::parse(reply);
    REQUIRE(view);
    calls[call].sink.resume(calls[call].sink.context, &*view, Error::none);
  }
  void lose(std::size_t call, Error error) { calls[call].sink.resume(calls[call].sink.context, nullptr, error); }

 private:
  static Error script(void* context, const net::Prepared& head, std::string_view rendered, uint32_t parts,
                      Sink sink) noexcept {
    auto& self = *static_cast<Carrier*>(context);
    if (self.refuse != Error::none) return self.refuse;
    const auto all = "*" + std::to_string(head.parts + parts) + "\r\n" + head.head + std::string{rendered};
    const auto view = net::resp::parse(all);
    REQUIRE(view);
    self.calls.push_back({{}, sink});
    for (const auto word : *view) self.calls.back().words.emplace_back(word.text());
    return Error::none;
  }
};

const std::vector<std::string> keys{"{e}:meta", "{e}:line"};
const std::string sha(40, 'a');

struct Desk {
  net::Loop loop;  // not opened: only a place to schedule
  Carrier redis;
  Batch batch;
  explicit Desk(Batch::Settings settings = {.width = 2})
      : batch{loop, redis.carrier(), net::prepare_script(sha, keys), settings} {}
  Error add(std::string_view a, std::string_view b, Item& item) {
    const std::string_view arguments[] = {a, b};
    return batch.add(arguments, item.sink());
  }
};

std::string array_of(std::size_t count, const std::string& element) {
  auto reply = "*" + std::to_string(count) + "\r\n";
  for (std::size_t at = 0; at < count; ++at) reply += element;
  return reply;
}

}  // namespace

TEST_CASE("what a turn collected leaves as one call: keys, epoch, items in order") {
  Desk desk;
  desk.batch.set_epoch(7);
  Item a, b;
  CHECK(desk.add("u-1", "10", a) == Error::none);
  CHECK(desk.add("", "a\r\nb", b) == Error::none);
  CHECK(desk.redis.calls.empty());
  desk.batch.flush();
  REQUIRE(desk.redis.calls.size() == 1);
  CHECK(desk.redis.calls[0].words ==
        std::vector<std::string>{"EVALSHA", sha, "2", "{e}:meta", "{e}:line", "7", "u-1", "10", "", "a\r\nb"});
  CHECK_FALSE(desk.batch.idle());
  desk.redis.land(0, "*2\r\n*1\r\n+first\r\n*1\r\n+second\r\n");
  CHECK(a.text == "first");
  CHECK(b.text == "second");
  CHECK(desk.batch.idle());
}

TEST_CASE("an empty turn sends nothing") {
  Desk desk;
  desk.batch.flush();
  CHECK(desk.redis.calls.empty());
}

TEST_CASE("arguments may die as soon as add returns") {
  Desk desk;
  Item item;
  {
    std::string user = "short-lived";
    CHECK(desk.add(user, "", item) == Error::none);
    user.assign(user.size(), '?');
  }
  desk.batch.flush();
  CHECK(desk.redis.calls[0].words[6] == "short-lived");
  desk.redis.lose(0, Error::closed);
}

TEST_CASE("the epoch of a call is the one known when it leaves, not when its items came") {
  Desk desk;
  Item item;
  desk.batch.set_epoch(1);
  CHECK(desk.add("u", "x", item) == Error::none);
  desk.batch.set_epoch(9'007'199'254'740'993);
  desk.batch.flush();
  CHECK(desk.redis.calls[0].words[5] == "9007199254740993");
  desk.redis.lose(0, Error::closed);
}

TEST_CASE("the 65th item goes into a second call and gets its answer from there") {
  Desk desk;
  std::vector<Item> items(65);
  for (auto& item : items) CHECK(desk.add("u", "x", item) == Error::none);
  desk.batch.flush();
  REQUIRE(desk.redis.calls.size() == 2);
  CHECK(desk.redis.calls[0].words.size() == 6 + 2 * 64);
  CHECK(desk.redis.calls[1].words.size() == 6 + 2);
  desk.redis.land(1, array_of(1, "+second\r\n"));
  CHECK(items[64].text == "second");
  CHECK(items[63].calls == 0);
  desk.redis.land(0, array_of(64, "+first\r\n"));
  for (const auto& item : items) CHECK(item.calls == 1);
}

TEST_CASE("a reply that is no array goes whole to every item") {
  for (const char* reply : {"$5\r\nstale\r\n", "-ERR stale\r\n", "+stale\r\n"}) {
    Desk desk;
    Item a, b;
    CHECK(desk.add("u", "1", a) == Error::none);
    CHECK(desk.add("u", "2", b) == Error::none);
    desk.batch.flush();
    desk.redis.land(0, reply);
    for (const auto* item : {&a, &b}) {
      CHECK(item->calls == 1);
      CHECK(item->error == Error::none);
      CHECK(item->text.find("stale") != std::string::npos);
    }
  }
}

TEST_CASE("an array of the wrong length gives nobody another user's answer") {
  for (const std::size_t length : {0u, 1u, 3u}) {
    Desk desk;
    Item a, b;
    CHECK(desk.add("u", "1", a) == Error::none);
    CHECK(desk.add("u", "2", b) == Error::none);
    desk.batch.flush();
    desk.redis.land(0, array_of(length, "+mine\r\n"));
    for (const auto* item : {&a, &b}) {
      CHECK(item->calls == 1);
      CHECK(item->error == Error::protocol);
      CHECK(item->text.empty());
    }
  }
}

TEST_CASE("a lost call fails each of its items once") {
  Desk desk;
  Item a, b;
  CHECK(desk.add("u", "1", a) == Error::none);
  CHECK(desk.add("u", "2", b) == Error::none);
  desk.batch.flush();
  desk.redis.lose(0, Error::timeout);
  CHECK(a.error == Error::timeout);
  CHECK(b.error == Error::timeout);
  CHECK(a.calls + b.calls == 2);
  CHECK(desk.batch.idle());
}

TEST_CASE("a link that refuses at the turn's end fails the items, and the batch goes on") {
  Desk desk;
  Item refused, served;
  desk.redis.refuse = Error::unavailable;
  CHECK(desk.add("u", "1", refused) == Error::none);
  CHECK(refused.calls == 0);
  desk.batch.flush();
  CHECK(refused.error == Error::unavailable);
  CHECK(desk.batch.idle());
  desk.redis.refuse = Error::none;
  CHECK(desk.add("u", "2", served) == Error::none);
  desk.batch.flush();
  REQUIRE(desk.redis.calls.size() == 1);
  CHECK(desk.redis.calls[0].words.back() == "2");
  desk.redis.land(0, array_of(1, "+ok\r\n"));
  CHECK(served.text == "ok");
  CHECK(refused.calls == 1);
}

TEST_CASE("when all flights are in the air an item is refused before it is taken, and one landing makes room") {
  Desk desk{{.width = 2, .flights_max = 2}};
  std::vector<Item> items(128);
  for (auto& item : items) CHECK(desk.add("u", "x", item) == Error::none);
  Item refused;
  CHECK(desk.add("u", "x", refused) == Error::overload);
  desk.batch.flush();
  CHECK(desk.add("u", "x", refused) == Error::overload);
  CHECK(desk.batch.metrics().refused.value() == 2);
  desk.redis.land(0, array_of(64, "+ok\r\n"));
  CHECK(desk.add("u", "x", refused) == Error::none);
  CHECK(refused.calls == 0);
  desk.batch.flush();
  desk.redis.lose(1, Error::closed);
  desk.redis.lose(2, Error::closed);
  CHECK(refused.calls == 1);
}

TEST_CASE("an item added from inside an answer waits for the next turn and mixes with nobody") {
  Desk desk;
  Item first, second, third;
  first.then = [&] { CHECK(desk.add("again", "", third) == Error::none); };
  CHECK(desk.add("u", "1", first) == Error::none);
  CHECK(desk.add("u", "2", second) == Error::none);
  desk.batch.flush();
  desk.redis.land(0, "*2\r\n+one\r\n+two\r\n");
  CHECK(second.text == "two");
  CHECK(third.calls == 0);
  CHECK(desk.redis.calls.size() == 1);
  desk.batch.flush();
  REQUIRE(desk.redis.calls.size() == 2);
  CHECK(desk.redis.calls[1].words.size() == 8);
  desk.redis.land(1, "*1\r\n+three\r\n");
  CHECK(third.text == "three");
}

TEST_CASE("while Redis is behind, items gather in full calls instead of using up the flights") {
  Desk desk{{.width = 2, .flights_max = 4, .in_air_max = 2}};
  std::vector<Item> items(64 * 2 + 2);
  for (std::size_t at = 0; at < items.size(); ++at) {
    REQUIRE(desk.add("a", "b", items[at]) == Error::none);
    desk.batch.flush();  // a turn of its own each: two calls of one item, then the rest waits
  }
  CHECK(desk.redis.calls.size() == 2);
  Item refused;
  CHECK(desk.add("a", "b", refused) == Error::overload);
  desk.redis.land(0, "*1\r\n*1\r\n$2\r\nok\r\n");
  desk.batch.flush();
  REQUIRE(desk.redis.calls.size() == 3);
  CHECK(items[0].calls == 1);
  CHECK(items[2].calls == 0);
  CHECK(desk.redis.calls[2].words.size() > 64 * 2);
  for (std::size_t call = 1; call < desk.redis.calls.size(); ++call) {
    desk.redis.lose(call, Error::closed);
    desk.batch.flush();
  }
  for (const auto& item : items) CHECK(item.calls == 1);
  CHECK(desk.batch.idle());
}

TEST_CASE("behind a call that timed out nobody waits as long once more") {
  Desk desk{{.width = 2, .in_air_max = 1}};
  Item first, behind, late;
  CHECK(desk.add("1", "x", first) == Error::none);
  desk.batch.flush();
  CHECK(desk.add("2", "x", behind) == Error::none);
  desk.batch.flush();
  behind.then = [&] { CHECK(desk.add("3", "x", late) == Error::none); };
  desk.redis.lose(0, Error::timeout);
  CHECK(first.error == Error::timeout);
  CHECK(behind.calls == 1);
  CHECK(behind.error == Error::unavailable);
  CHECK(late.calls == 0);
  desk.batch.flush();
  REQUIRE(desk.redis.calls.size() == 2);  // "2" never left
  desk.redis.lose(1, Error::closed);
  CHECK(late.calls == 1);
  CHECK(desk.batch.idle());
}

TEST_CASE("with more than Redis can do the queue stays short: behind one who waits too long newcomers are refused") {
  Desk desk{{.width = 2, .in_air_max = 1, .wait_ms_max = 0}};
  Item first, waiting, refused, late;
  CHECK(desk.add("1", "x", first) == Error::none);
  desk.batch.flush();
  CHECK(desk.add("2", "x", waiting) == Error::none);
  desk.batch.flush();
  CHECK(desk.add("3", "x", refused) == Error::overload);
  CHECK(desk.batch.metrics().refused.value() == 1);
  desk.redis.land(0, "+stale\r\n");
  desk.batch.flush();
  CHECK(desk.add("4", "x", late) == Error::none);
  desk.batch.flush();
  desk.redis.land(1, "+stale\r\n");
  desk.batch.flush();
  desk.redis.land(2, "+stale\r\n");
  CHECK(first.calls + waiting.calls + late.calls == 3);
  CHECK(refused.calls == 0);
}

TEST_CASE("an item added while a refusal is being told waits for the next turn") {
  Desk desk;
  Item first, again;
  desk.redis.refuse = Error::overload;
  first.then = [&] { CHECK(desk.add("again", "", again) == Error::none); };
  CHECK(desk.add("u", "1", first) == Error::none);
  desk.batch.flush();
  CHECK(again.calls == 0);
  desk.redis.refuse = Error::none;
  desk.batch.flush();
  desk.redis.land(0, "*1\r\n+ok\r\n");
  CHECK(again.text == "ok");
}
