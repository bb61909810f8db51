// The link against a real Redis that is killed, paused, flushed, loaded with megabytes, or not there at all.
#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <string>

#include "tests/integration/net/redis_world.hpp"

using core::Error;
using net::resp::Kind;
using redis_world::Answer;
using redis_world::Operator;
using redis_world::Script;
using redis_world::World;

TEST_CASE("a link connects, loads its scripts and runs them") {
  fixtures::RedisServer redis;
  Operator other{redis.port()};
  Script script{other, "return {KEYS[1], ARGV[1], 7}"};
  World world{redis_world::settings(redis.port()), {script.loaded()}};
  CHECK_FALSE(world.link->ready());
  CHECK_FALSE(world.link->problem().empty());
  world.trust();
  CHECK(world.link->problem().empty());
  CHECK(world.link->generation() == other.generation());

  static std::string seen;
  seen.clear();
  const net::Sink sink{[](void*, const net::resp::View* reply, Error error) noexcept {
                         seen = error == Error::none && reply->size() == 3
                                    ? std::string{(*reply)[0].text()} + "," + std::string{(*reply)[1].text()}
                                    : "wrong";
                       },
                       nullptr};
  const std::string_view arguments[] = {"hello"};
  CHECK(world.link->script(script.head(), arguments, sink) == Error::none);
  CHECK(world.turn_until([] { return !seen.empty(); }));
  CHECK(seen == "{e}:meta,hello");
}

TEST_CASE("a Unix socket serves as well as a port") {
  fixtures::RedisServer redis;
  auto settings = redis_world::settings(1);
  settings.unix_path = redis.unix_path();
  World world{settings};
  world.trust();
  Answer answer;
  CHECK(world.link->command({"ECHO", "hello"}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return answer.calls == 1; }));
  CHECK(answer.text == "hello");
}

// glibc looks names up on a thread that the thread sanitizer does not know, and crashes at its first allocation.
#ifdef __SANITIZE_THREAD__
constexpr bool names_cannot_be_looked_up = true;
#else
constexpr bool names_cannot_be_looked_up = false;
#endif

TEST_CASE("a host name is looked up without stopping the loop" * doctest::skip(names_cannot_be_looked_up)) {
  fixtures::RedisServer redis;
  auto settings = redis_world::settings(redis.port());
  settings.host = "localhost";
  World world{settings};
  world.trust();
}

TEST_CASE("a password opens a closed Redis, a wrong one is named as the problem") {
  fixtures::RedisServer redis{{.password = "secret"}};
  auto settings = redis_world::settings(redis.port());
  {
    World world{settings};
    CHECK(world.turn_until([&] { return world.link->problem().find("password") != std::string_view::npos; }));
    CHECK_FALSE(world.link->up());
  }
  settings.password = "wrong";
  {
    World world{settings};
    CHECK(world.turn_until([&] { return world.link->problem().find("password") != std::string_view::npos; }));
  }
  settings.password = "secret";
  World world{settings};
  world.trust();
  settings.username = "default";
  World named{settings};
  named.trust();
}

TEST_CASE("nobody listens: commands are refused at once and the link comes up when Redis does") {
  fixtures::RedisServer redis;
  redis.kill9();
  World world{redis_world::settings(redis.port())};
  world.turn_for(100);
  Answer answer;
  CHECK(world.link->command({"PING"}, answer.sink()) == Error::unavailable);
  CHECK(world.link->problem() == "Redis cannot be reached");
  CHECK(world.link->metrics().refused.value() == 1);
  redis.start();
  world.trust();
  CHECK(answer.calls == 0);
}

TEST_CASE("a script whose name does not fit its text keeps the link down") {
  fixtures::RedisServer redis;
  const std::string sha1(40, '0');
  World world{redis_world::settings(redis.port()), {{"test", "return 1", sha1}}};
  CHECK(world.turn_until([&] { return world.link->problem() == "Redis does not take a script"; }));
  CHECK_FALSE(world.link->up());
}

TEST_CASE("an untrusted generation refuses commands without a byte, and trust opens it without a new connection") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  REQUIRE(world.turn_until([&] { return world.link->up(); }));
  Answer answer;
  CHECK(world.link->command({"PING"}, answer.sink()) == Error::unavailable);
  world.trusted = world.link->generation() + 1;
  CHECK(world.link->command({"PING"}, answer.sink()) == Error::unavailable);
  CHECK(world.link->metrics().commands.value() == 0);
  world.trusted = world.link->generation();
  CHECK(world.link->command({"PING"}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return answer.calls == 1; }));
  CHECK(world.link->metrics().connections.value() == 1);
}

TEST_CASE("a history that changes on a live connection is noticed once it is no longer trusted") {
  fixtures::RedisServer redis;
  Operator other{redis.port()};
  World world{redis_world::settings(redis.port())};
  world.trust();
  const auto before = world.link->generation();
  world.turn_for(100);  // idle and content for a while
  // Demoted and promoted between two commands: the connection lives on, its history does not.
  other.say({"REPLICAOF", "127.0.0.1", std::to_string(fixtures::free_port())});
  other.say({"REPLICAOF", "NO", "ONE"});
  const auto after = other.generation();
  REQUIRE(after != before);
  CHECK(world.link->ready());  // it cannot know; the keeper does, and says so:
  world.trusted = after;
  CHECK_FALSE(world.link->ready());
  CHECK(world.turn_until([&] { return world.link->ready(); }, 2000));
  CHECK(world.link->metrics().connections.value() == 1);
}

TEST_CASE("a replica is not taken for the primary, and a primary that becomes one is left") {
  fixtures::RedisServer primary, replica;
  Operator other{replica.port()};
  Script script{other, "return redis.call('SET', KEYS[1], 'x')"};
  World world{redis_world::settings(replica.port()), {script.loaded()}};
  world.trust();
  other.say({"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  Answer write;
  CHECK(world.link->script(script.head(), {}, write.sink()) == Error::none);
  CHECK(world.turn_until([&] { return write.calls == 1; }));
  CHECK(write.error == Error::unavailable);
  CHECK(world.turn_until([&] { return world.link->problem() == "this Redis is not the primary"; }));
  other.say({"REPLICAOF", "NO", "ONE"});
  CHECK(world.turn_until([&] { return world.link->up(); }));
  CHECK_FALSE(world.link->ready());  // another history now
}

TEST_CASE("flushed scripts fail the calls in flight as not done, and come back on the same connection") {
  fixtures::RedisServer redis;
  Operator other{redis.port()};
  Script script{other, "return redis.call('INCR', KEYS[1])"};
  World world{redis_world::settings(redis.port()), {script.loaded()}};
  world.trust();
  other.say({"SCRIPT", "FLUSH"});
  std::array<Answer, 3> lost;
  for (auto& answer : lost) CHECK(world.link->script(script.head(), {}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return lost[2].calls == 1; }));
  for (const auto& answer : lost) {
    CHECK(answer.calls == 1);
    CHECK(answer.error == Error::unavailable);
  }
  CHECK(world.turn_until([&] { return world.link->ready(); }));
  Answer again;
  CHECK(world.link->script(script.head(), {}, again.sink()) == Error::none);
  CHECK(world.turn_until([&] { return again.calls == 1; }));
  CHECK(again.text == "1");
  CHECK(world.link->metrics().connections.value() == 1);
  CHECK(world.link->metrics().script_reloads.value() == 1);
}

TEST_CASE("kill -9 fails every outstanding sink once, in order, and the link comes back by itself") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.trust();
  const auto before = world.link->generation();
  std::array<Answer, 50> answers;
  // A client that is paused answers nothing, so all of them are outstanding when it dies.
  Operator{redis.port()}.say({"CLIENT", "PAUSE", "60000", "ALL"});
  for (auto& answer : answers) CHECK(world.link->command({"INCR", "{e}:n"}, answer.sink()) == Error::none);
  world.turn_for(50);
  for (const auto& answer : answers) REQUIRE(answer.calls == 0);
  redis.kill9();
  CHECK(world.turn_until([&] { return answers.back().calls == 1; }));
  for (const auto& answer : answers) {
    CHECK(answer.calls == 1);
    CHECK(answer.error == Error::closed);
  }
  Answer refused;
  CHECK(world.link->command({"PING"}, refused.sink()) == Error::unavailable);
  CHECK_FALSE(world.link->problem().empty());
  redis.start();
  CHECK(world.turn_until([&] { return world.link->up(); }));
  CHECK(world.link->generation() != before);
  CHECK_FALSE(world.link->ready());  // restarted: nobody has checked it yet
  world.trust();
  Answer after;
  CHECK(world.link->command({"PING"}, after.sink()) == Error::none);
  CHECK(world.turn_until([&] { return after.calls == 1; }));
  CHECK(after.text == "PONG");
  for (const auto& answer : answers) CHECK(answer.calls == 1);
  CHECK(world.link->metrics().losses.value() >= 1);
}

TEST_CASE("the late reply of a paused Redis is swallowed and the next command gets its own") {
  fixtures::RedisServer redis;
  auto settings = redis_world::settings(redis.port());
  settings.pipeline.timeout_ms = 100;
  World world{settings};
  world.trust();
  Operator{redis.port()}.say({"CLIENT", "PAUSE", "600", "ALL"});
  std::array<Answer, 3> late;
  for (auto& answer : late) CHECK(world.link->command({"ECHO", "late"}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return late[2].calls == 1; }, 500));
  for (const auto& answer : late) CHECK(answer.error == Error::timeout);
  CHECK(world.link->metrics().timeouts.value() == 3);
  world.turn_for(600);
  Answer next;
  CHECK(world.link->command({"ECHO", "next"}, next.sink()) == Error::none);
  CHECK(world.turn_until([&] { return next.calls == 1; }));
  CHECK(next.text == "next");
  for (const auto& answer : late) CHECK(answer.calls == 1);
  CHECK(world.link->metrics().connections.value() == 1);
}

TEST_CASE("a Redis that stays silent is given up instead of filling the pipeline") {
  fixtures::RedisServer redis;
  auto settings = redis_world::settings(redis.port());
  settings.pipeline.timeout_ms = 50;
  settings.silence_ms_max = 300;
  World world{settings};
  world.trust();
  Operator{redis.port()}.say({"CLIENT", "PAUSE", "60000", "ALL"});
  Answer answer;
  CHECK(world.link->command({"PING"}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return !world.link->up(); }, 2000));
  CHECK(answer.calls == 1);
  CHECK(answer.error == Error::timeout);
  CHECK(world.link->metrics().losses.value() == 1);
}

TEST_CASE("a reply of one megabyte arrives whole, and small ones before and after it keep their places") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.trust();
  std::string map(1'000'000, '.');
  for (std::size_t at = 0; at < map.size(); at += 7) map[at] = 'x';
  std::array<Answer, 5> answers;
  CHECK(world.link->command({"SET", "{e}:seats", map}, answers[0].sink()) == Error::none);
  CHECK(world.link->command({"ECHO", "before"}, answers[1].sink()) == Error::none);
  CHECK(world.link->command({"GET", "{e}:seats"}, answers[2].sink()) == Error::none);
  CHECK(world.link->command({"ECHO", "after"}, answers[3].sink()) == Error::none);
  CHECK(world.link->command({"GET", "{e}:seats"}, answers[4].sink()) == Error::none);
  CHECK(world.turn_until([&] { return answers[4].calls == 1; }));
  CHECK(answers[0].text == "OK");
  CHECK(answers[1].text == "before");
  CHECK(answers[2].text == map);
  CHECK(answers[3].text == "after");
  CHECK(answers[4].text == map);
}

TEST_CASE("a reply over the limit costs the connection, not the process") {
  fixtures::RedisServer redis;
  auto settings = redis_world::settings(redis.port());
  settings.pipeline.reply_bytes_max = 100'000;
  World world{settings};
  world.trust();
  Operator{redis.port()}.say({"SET", "big", std::string(200'000, 'b')});
  Answer big;
  CHECK(world.link->command({"GET", "big"}, big.sink()) == Error::none);
  CHECK(world.turn_until([&] { return big.calls == 1; }));
  CHECK(big.error == Error::protocol);
  world.trust();
}

TEST_CASE("an error about the command itself is a reply") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.trust();
  Answer answer;
  CHECK(world.link->command({"NO-SUCH-COMMAND"}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return answer.calls == 1; }));
  CHECK(answer.error == Error::none);
  CHECK(answer.kind == Kind::error);
  CHECK(world.link->up());
}

TEST_CASE("a full Redis refuses as not done and the link stays") {
  fixtures::RedisServer redis;
  Operator other{redis.port()};
  Script script{other, "return redis.call('SET', KEYS[1], 'x')"};
  World world{redis_world::settings(redis.port()), {script.loaded()}};
  world.trust();
  other.say({"CONFIG", "SET", "maxmemory", "1"});
  Answer refused, served;
  CHECK(world.link->script(script.head(), {}, refused.sink()) == Error::none);
  CHECK(world.turn_until([&] { return refused.calls == 1; }));
  CHECK(refused.error == Error::unavailable);
  CHECK(other.say({"EXISTS", "{e}:meta"}) == "0");
  other.say({"CONFIG", "SET", "maxmemory", "0"});
  CHECK(world.link->script(script.head(), {}, served.sink()) == Error::none);
  CHECK(world.turn_until([&] { return served.calls == 1; }));
  CHECK(served.text == "OK");
}

TEST_CASE("what one turn asks for leaves in one send") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.trust();
  const auto sends = world.link->metrics().sends.value();
  std::array<Answer, 200> answers;
  for (auto& answer : answers) CHECK(world.link->command({"PING"}, answer.sink()) == Error::none);
  CHECK(world.turn_until([&] { return answers.back().calls == 1; }));
  CHECK(world.link->metrics().commands.value() == 200);
  CHECK(world.link->metrics().sends.value() - sends == 1);
  CHECK(world.link->metrics().replies.value() >= 200);
}

TEST_CASE("a pipeline that is full refuses without a byte and serves again when it drains") {
  fixtures::RedisServer redis;
  auto settings = redis_world::settings(redis.port());
  settings.pipeline.depth_max = 8;
  World world{settings};
  world.trust();
  std::array<Answer, 8> answers;
  for (auto& answer : answers) CHECK(world.link->command({"PING"}, answer.sink()) == Error::none);
  Answer extra;
  CHECK(world.link->command({"PING"}, extra.sink()) == Error::overload);
  CHECK(world.turn_until([&] { return answers.back().calls == 1; }));
  CHECK(extra.calls == 0);
  CHECK(world.link->command({"PING"}, extra.sink()) == Error::none);
  CHECK(world.turn_until([&] { return extra.calls == 1; }));
}

TEST_CASE("stopping in the middle of traffic calls every sink once and leaves nothing in the kernel") {
  fixtures::RedisServer redis;
  std::array<Answer, 20> answers;
  {
    World world{redis_world::settings(redis.port())};
    world.trust();
    Operator{redis.port()}.say({"CLIENT", "PAUSE", "60000", "ALL"});
    for (auto& answer : answers) CHECK(world.link->command({"PING"}, answer.sink()) == Error::none);
    world.loop.turn(0);
    world.link->stop();
    for (const auto& answer : answers) CHECK(answer.calls == 1);
  }
  for (const auto& answer : answers) CHECK(answer.calls == 1);
}

TEST_CASE("a link that is stopped while it waits or connects stops, and can be started again") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.link->stop();
  CHECK(world.turn_until([&] { return world.link->stopped(); }));
  redis.kill9();
  world.link->start();
  world.turn_for(60);
  world.link->stop();
  CHECK(world.turn_until([&] { return world.link->stopped(); }));
  redis.start();
  world.link->start();
  world.trust();
}

TEST_CASE("a sink that asks again from inside its loss is refused, not forgotten") {
  fixtures::RedisServer redis;
  World world{redis_world::settings(redis.port())};
  world.trust();
  struct Again {
    net::RedisLink& link;
    Answer answer;
    Error second = Error::none;
    int calls = 0;
  } again{*world.link, {}};
  const net::Sink sink{[](void* context, const net::resp::View*, Error) noexcept {
                         auto& self = *static_cast<Again*>(context);
                         ++self.calls;
                         self.second = self.link.command({"PING"}, self.answer.sink());
                       },
                       &again};
  Operator{redis.port()}.say({"CLIENT", "PAUSE", "60000", "ALL"});
  CHECK(world.link->command({"PING"}, sink) == Error::none);
  world.turn_for(30);
  redis.kill9();
  CHECK(world.turn_until([&] { return again.calls == 1; }));
  CHECK(again.second == Error::unavailable);
  CHECK(again.answer.calls == 0);
}
