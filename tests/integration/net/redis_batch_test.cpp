// Batches through a link to a real Redis.
#include <doctest/doctest.h>

#include <deque>
#include <string>

#include "net/batch.hpp"
#include "tests/integration/net/redis_world.hpp"

using core::Error;
using redis_world::Answer;
using redis_world::Operator;
using redis_world::Script;
using redis_world::World;

namespace {

// One item is two arguments; the answer of an item is their sum. Another epoch than 3 is 'stale'.
const char* const sums = R"(
  if ARGV[1] ~= '3' then return 'stale' end
  local answers = {}
  for i = 2, #ARGV, 2 do answers[#answers + 1] = ARGV[i] + ARGV[i + 1] end
  redis.call('INCRBY', KEYS[1], #answers)
  return answers)";

struct Counting {
  fixtures::RedisServer redis;
  Operator other{redis.port()};
  Script script{other, sums};
  World world{redis_world::settings(redis.port()), {script.loaded()}};
  net::Batch batch{*world.link, script.head(), 2};
  Counting() {
    world.trust();
    batch.set_epoch(3);
  }
  Error add(int a, int b, Answer& answer) {
    const auto first = std::to_string(a), second = std::to_string(b);
    const std::string_view arguments[] = {first, second};
    return batch.add(arguments, answer.sink());
  }
};

}  // namespace

TEST_CASE("items of one turn go to Redis in calls of 64 and each gets its own answer") {
  Counting counting;
  std::deque<Answer> answers(150);
  for (int at = 0; at < 150; ++at) CHECK(counting.add(at, 1000, answers[static_cast<std::size_t>(at)]) == Error::none);
  CHECK(counting.world.turn_until([&] { return answers.back().calls == 1; }));
  for (int at = 0; at < 150; ++at) CHECK(answers[static_cast<std::size_t>(at)].text == std::to_string(at + 1000));
  CHECK(counting.batch.metrics().calls.value() == 3);
  CHECK(counting.world.link->metrics().commands.value() == 3);
  CHECK(counting.other.say({"GET", "{e}:meta"}) == "150");
  CHECK(counting.batch.idle());
}

TEST_CASE("a stale epoch is told to every item and changes nothing") {
  Counting counting;
  counting.batch.set_epoch(2);
  Answer a, b;
  CHECK(counting.add(1, 1, a) == Error::none);
  CHECK(counting.add(2, 2, b) == Error::none);
  CHECK(counting.world.turn_until([&] { return b.calls == 1; }));
  CHECK(a.text == "stale");
  CHECK(b.text == "stale");
  CHECK(counting.other.say({"EXISTS", "{e}:meta"}) == "0");
}

TEST_CASE("flushed scripts fail the items as not done, and the next turn works") {
  Counting counting;
  counting.other.say({"SCRIPT", "FLUSH"});
  Answer lost, served;
  CHECK(counting.add(1, 1, lost) == Error::none);
  CHECK(counting.world.turn_until([&] { return lost.calls == 1; }));
  CHECK(lost.error == Error::unavailable);
  CHECK(counting.world.turn_until([&] { return counting.world.link->ready(); }));
  CHECK(counting.add(2, 2, served) == Error::none);
  CHECK(counting.world.turn_until([&] { return served.calls == 1; }));
  CHECK(served.text == "4");
  CHECK(counting.other.say({"GET", "{e}:meta"}) == "1");
}

TEST_CASE("a Redis that dies with batches in the air fails each item once and loses no flight") {
  Counting counting;
  std::deque<Answer> answers(200);
  Operator{counting.redis.port()}.say({"CLIENT", "PAUSE", "60000", "ALL"});
  for (auto& answer : answers) CHECK(counting.add(1, 1, answer) == Error::none);
  counting.world.turn_for(50);
  counting.redis.kill9();
  CHECK(counting.world.turn_until([&] { return answers.back().calls == 1; }));
  for (const auto& answer : answers) {
    CHECK(answer.calls == 1);
    CHECK(answer.error == Error::closed);
  }
  CHECK(counting.batch.idle());
  // Not connected: the item is taken and answered at the end of the turn.
  Answer refused;
  CHECK(counting.add(1, 1, refused) == Error::none);
  counting.world.loop.turn(0);
  CHECK(refused.error == Error::unavailable);
  CHECK(counting.batch.idle());
}
