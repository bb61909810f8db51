// What the tests of the Redis link share: a loop on this thread, a link whose generation a test trusts by hand, answers
// that remember how they were given, and a second, blocking client (hiredis) to do to Redis what operators do.
#pragma once
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/hash.hpp"
#include "core/time.hpp"
#include "net/redis_link.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

namespace redis_world {

struct Answer {
  int calls = 0;
  core::Error error = core::Error::none;
  net::resp::Kind kind = net::resp::Kind::null;
  std::string text;
  net::Sink sink() { return {&resume, this}; }

 private:
  static void resume(void* context, const net::resp::View* reply, core::Error why) noexcept {
    auto& self = *static_cast<Answer*>(context);
    ++self.calls;
    self.error = why;
    if (reply == nullptr) return;
    self.kind = reply->kind();
    self.text = reply->kind() == net::resp::Kind::integer ? std::to_string(reply->integer()) : reply->text();
  }
};

// The other client.
class Operator {
 public:
  explicit Operator(int port) : link_{redisConnect("127.0.0.1", port), &redisFree} { REQUIRE(link_->err == 0); }
  std::string say(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) texts.push_back(word.data()), sizes.push_back(word.size());
    auto* reply = static_cast<redisReply*>(
        redisCommandArgv(link_.get(), static_cast<int>(words.size()), texts.data(), sizes.data()));
    if (reply == nullptr) return "";
    std::string text = reply->type == REDIS_REPLY_INTEGER ? std::to_string(reply->integer)
                                                          : std::string{reply->str ? reply->str : "", reply->len};
    freeReplyObject(reply);
    return text;
  }
  // What a keeper would trust: the generation of the Redis as it is now.
  uint64_t generation() {
    const auto info = say({"INFO", "replication"});
    const auto at = info.find("master_replid:") + 14;
    return core::fnv1a(std::string_view{info}.substr(at, 40));
  }

 private:
  std::unique_ptr<redisContext, void (*)(redisContext*)> link_;
};

struct Script {
  explicit Script(Operator& redis, std::string text)
      : source{std::move(text)}, sha1{redis.say({"SCRIPT", "LOAD", source})} {
    redis.say({"SCRIPT", "FLUSH"});
    REQUIRE(sha1.size() == 40);
  }
  net::ScriptSource loaded() const { return {"test", source, sha1}; }
  net::Prepared head(const std::vector<std::string>& keys = {"{e}:meta"}) const {
    return net::prepare_script(sha1, keys);
  }
  std::string source, sha1;
};

// Impatient, so that tests are quick.
inline net::RedisSettings settings(int port) {
  net::RedisSettings made;
  made.port = static_cast<uint16_t>(port);
  made.backoff_ms_max = 100;
  made.pipeline.timeout_ms = 2000;
  return made;
}

class World {
 public:
  World(net::RedisSettings how, const std::vector<net::ScriptSource>& scripts)
      : settings_{std::move(how)}, scripts_{scripts} {
    REQUIRE(loop.open());
    link = std::make_unique<net::RedisLink>(loop, settings_, scripts_, trusted);
    link->start();
  }
  explicit World(net::RedisSettings how) : World{std::move(how), {}} {}
  ~World() {
    link->stop();
    turn_until([&] { return link->stopped(); });
    CHECK(loop.armed() == 0);
  }
  template <class Until>
  bool turn_until(Until until, int64_t ms_max = 10'000) {
    const auto deadline_ms = core::monotonic_ms() + ms_max;
    while (!until() && core::monotonic_ms() < deadline_ms) loop.turn(10);
    return until();
  }
  void turn_for(int64_t ms) {
    turn_until([] { return false; }, ms);
  }
  // Connects and trusts what it finds.
  void trust() {
    REQUIRE(turn_until([&] { return link->up(); }));
    trusted = link->generation();
    REQUIRE(link->ready());
  }

  net::Loop loop;
  std::atomic<uint64_t> trusted{0};
  std::unique_ptr<net::RedisLink> link;

 private:
  net::RedisSettings settings_;
  std::vector<net::ScriptSource> scripts_;
};

}  // namespace redis_world
