// Traffic without a pause through a Redis that is killed, paused, filled and flushed at random. In the end Redis is
// asked what it did, and every answer that was given must have been the truth.
#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <set>
#include <string>

#include "net/batch.hpp"
#include "tests/integration/net/redis_world.hpp"

using core::Error;
using redis_world::Operator;
using redis_world::Script;
using redis_world::World;

namespace {

const char* const mark_done = R"(
  local answers = {}
  for i = 2, #ARGV do
    redis.call('SADD', KEYS[1], ARGV[i])
    answers[#answers + 1] = ARGV[i]
  end
  return answers)";

struct Item {
  std::string id;
  int calls = 0;
  Error error = Error::none;
  bool mine = false;  // the answer named this item
  net::Sink sink() {
    return {[](void* context, const net::resp::View* reply, Error why) noexcept {
              auto& self = *static_cast<Item*>(context);
              ++self.calls;
              self.error = why;
              self.mine = reply != nullptr && reply->is(self.id);
            },
            this};
  }
};

net::RedisSettings impatient(int port) {
  auto settings = redis_world::settings(port);
  settings.pipeline.timeout_ms = 100;
  settings.silence_ms_max = 400;
  return settings;
}

struct Chaos {
  explicit Chaos(uint64_t seed) : random{seed} { world.trust(); }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random() % bound); }

  void add_some() {
    for (auto left = below(100); left > 0; --left) {
      auto& item = items.emplace_back();
      item.id = std::to_string(items.size());
      const std::string_view arguments[] = {item.id};
      if (batch.add(arguments, item.sink()) != Error::none) items.pop_back();
    }
  }
  void misfortune() {
    if (!redis.running()) return redis.start();
    switch (below(5)) {
      case 0:
        return redis.kill9();
      case 1:
        return say({"CLIENT", "PAUSE", std::to_string(50 + below(600)), "ALL"});
      case 2:
        return say({"SCRIPT", "FLUSH"});
      case 3:
        return say({"CONFIG", "SET", "maxmemory", below(2) == 0 ? "1" : "0"});
      default:
        return say({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    }
  }
  void say(const std::vector<std::string>& words) { Operator{redis.port()}.say(words); }
  // The keeper of this test believes every Redis: what it holds is in its AOF.
  void believe() {
    if (world.link->up()) world.trusted = world.link->generation();
  }
  std::set<std::string> done() {
    std::unique_ptr<redisContext, void (*)(redisContext*)> link{redisConnect("127.0.0.1", redis.port()), &redisFree};
    auto* reply = static_cast<redisReply*>(redisCommand(link.get(), "SMEMBERS {e}:done"));
    REQUIRE(reply != nullptr);
    std::set<std::string> ids;
    for (std::size_t at = 0; at < reply->elements; ++at) ids.insert(reply->element[at]->str);
    freeReplyObject(reply);
    return ids;
  }

  std::mt19937_64 random;
  // With everysec Redis may answer before it has written: while an fsync is under way on a busy disk.
  fixtures::RedisServer redis{{.append_fsync = "always"}};
  Operator other{redis.port()};
  Script script{other, mark_done};
  World world{impatient(redis.port()), {script.loaded()}};
  net::Batch batch{*world.link, script.head({"{e}:done"}), 1};
  std::deque<Item> items;
};

}  // namespace

TEST_CASE("whatever happens to Redis, an answer says what was done, and nobody waits for ever") {
  const uint64_t seed = std::random_device{}();
  MESSAGE("seed ", seed);
  Chaos chaos{seed};
  for (int round = 0; round < 120; ++round) {
    chaos.add_some();
    chaos.world.turn_for(chaos.below(40));
    chaos.believe();
    if (chaos.below(4) == 0) chaos.misfortune();
  }
  if (!chaos.redis.running()) chaos.redis.start();
  REQUIRE(chaos.world.turn_until([&] { return chaos.batch.idle(); }));
  REQUIRE(fixtures::eventually([&] { return !chaos.done().empty(); }));
  const auto done = chaos.done();
  std::size_t answered = 0, undone = 0;
  for (const auto& item : chaos.items) {
    CAPTURE(item.id);
    REQUIRE(item.calls == 1);
    const auto was_done = done.contains(item.id);
    if (item.error == Error::none) {
      REQUIRE(item.mine);
      REQUIRE(was_done);
      ++answered;
    }
    if (item.error == Error::unavailable || item.error == Error::overload) {
      REQUIRE_FALSE(was_done);
      ++undone;
    }
  }
  MESSAGE(chaos.items.size(), " items, ", answered, " answered, ", undone, " not done, the rest maybe done");
  CHECK(answered > 0);
}
