// Once warm, commands, batches and replies allocate nothing: one allocation per item would show as thousands.
#include <doctest/doctest.h>

#include <string>

#include "net/batch.hpp"
#include "tests/integration/net/allocations.hpp"
#include "tests/integration/net/redis_world.hpp"

using core::Error;
using redis_world::Operator;
using redis_world::Script;
using redis_world::World;

namespace {

struct Tally {
  uint64_t answers = 0, good = 0;
  net::Sink sink() {
    return {[](void* context, const net::resp::View* reply, Error) noexcept {
              auto& self = *static_cast<Tally*>(context);
              ++self.answers;
              self.good += reply != nullptr && reply->number() == 7 ? 1 : 0;
            },
            this};
  }
};

constexpr uint32_t items_a_turn = 300;

void turn_full_of_work(World& world, net::Batch& batch, Tally& tally) {
  const auto wanted = tally.answers + items_a_turn + 1;
  const std::string_view item[] = {"user-with-a-name-longer-than-a-small-string", "3"};
  const std::string_view echo[] = {"ECHO", "7"};
  for (uint32_t at = 0; at < items_a_turn; ++at) REQUIRE(batch.add(item, tally.sink()) == Error::none);
  REQUIRE(world.link->command(echo, tally.sink()) == Error::none);
  while (tally.answers < wanted) world.loop.turn(10);
}

}  // namespace

TEST_CASE("the counter of allocations counts, or the next test would prove nothing") {
  const auto before = allocations::of_this_thread();
  const auto text = std::make_unique<std::string>(100, 'x');
  CHECK(allocations::of_this_thread() == before + 2);
}

TEST_CASE("a warm link and a warm batch allocate nothing") {
  fixtures::RedisServer redis;
  Operator other{redis.port()};
  Script script{other, "local r = {} for i = 2, #ARGV, 2 do r[#r + 1] = 7 end return r"};
  World world{redis_world::settings(redis.port()), {script.loaded()}};
  world.trust();
  net::Batch batch{*world.link, script.head(), 2};
  Tally tally;
  for (int round = 0; round < 20; ++round) turn_full_of_work(world, batch, tally);
  const auto before = allocations::of_this_thread();
  for (int round = 0; round < 200; ++round) turn_full_of_work(world, batch, tally);
  CHECK(allocations::of_this_thread() == before);
  CHECK(tally.good == tally.answers);
  CHECK(tally.answers == 220 * (items_a_turn + 1));
}

TEST_CASE("a seat map of a megabyte is received again and again without allocating") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.trust();
  // How far the buffer grows for a reply depends on how its bytes arrive, so it is warmed with a larger one.
  Operator{redis.port()}.say({"SET", "{e}:larger", std::string(2'200'000, '.')});
  Operator{redis.port()}.say({"SET", "{e}:seats", std::string(1'000'000, '.')});
  uint64_t bytes = 0;
  const net::Sink sink{[](void* context, const net::resp::View* reply, Error) noexcept {
                         if (reply != nullptr) *static_cast<uint64_t*>(context) += reply->text().size();
                       },
                       &bytes};
  const auto get = [&](std::string_view key, uint64_t size) {
    const auto wanted = bytes + size;
    REQUIRE(world.link->command({"GET", key}, sink) == Error::none);
    while (bytes < wanted) world.loop.turn(10);
  };
  get("{e}:larger", 2'200'000);
  get("{e}:seats", 1'000'000);
  const auto before = allocations::of_this_thread();
  for (int times = 0; times < 20; ++times) get("{e}:seats", 1'000'000);
  CHECK(allocations::of_this_thread() == before);
}
