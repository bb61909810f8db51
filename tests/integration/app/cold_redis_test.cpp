#include "app/cold_redis.hpp"

#include <doctest/doctest.h>

#include "tests/integration/fixtures/redis_server.hpp"

using app::ColdRedis;

namespace {

ColdRedis::Settings at(const fixtures::RedisServer& server) { return {.port = static_cast<uint16_t>(server.port())}; }

}  // namespace

TEST_CASE("bytes of any kind come back as they went") {
  fixtures::RedisServer server;
  ColdRedis redis{at(server)};
  REQUIRE(redis.connect().problem == "");
  const std::string value{"a\0b\r\n%s\xff", 8};
  REQUIRE(redis.command({"SET", "k", value}));
  CHECK(redis.command({"GET", "k"})->view().text() == value);
  CHECK(redis.command({"GET", "none"})->view().null());
}

TEST_CASE("a refusal of Redis is a reply, and the connection goes on") {
  fixtures::RedisServer server;
  ColdRedis redis{at(server)};
  REQUIRE(redis.connect().problem == "");
  CHECK(redis.command({"NONSENSE"})->view().error());
  CHECK(redis.command({"PING"})->view().text() == "PONG");
}

TEST_CASE("pipelined replies come in order, errors among them") {
  fixtures::RedisServer server;
  ColdRedis redis{at(server)};
  REQUIRE(redis.connect().problem == "");
  redis.append({"SET", "k", "1"});
  redis.append({"HGET", "k", "f"});
  redis.append({"INCR", "k"});
  const auto replies = redis.finish();
  REQUIRE(replies);
  REQUIRE(replies->size() == 3);
  CHECK(replies.value[1].view().error());
  CHECK(replies.value[2].view().number() == 2);
}

TEST_CASE("a script Redis has forgotten is loaded again") {
  fixtures::RedisServer server;
  ColdRedis redis{at(server)};
  REQUIRE(redis.connect().problem == "");
  const lua::Scripts scripts;
  for (int round = 0; round < 2; ++round) {
    const auto reply = redis.script(scripts["lease"], "e", {"me", "1000"});
    REQUIRE(reply);
    CHECK(reply->view()[0].number() == 1);
    REQUIRE(redis.command({"SCRIPT", "FLUSH"}));
  }
}

TEST_CASE("after a loss nothing is sent until somebody connects again: what a connection knew died with it") {
  fixtures::RedisServer server;
  ColdRedis redis{at(server)};
  REQUIRE(redis.connect().problem == "");
  server.kill9();
  CHECK(redis.command({"PING"}).error == core::Error::closed);
  CHECK(redis.command({"PING"}).error == core::Error::unavailable);
  server.start();
  CHECK(redis.command({"PING"}).error == core::Error::unavailable);
  CHECK(redis.connect().problem == "");
  CHECK(redis.command({"PING"}));
}

TEST_CASE("a Redis that does not answer costs the timeout, not for ever") {
  fixtures::RedisServer server;
  auto settings = at(server);
  settings.timeout_ms = 100;
  ColdRedis redis{settings};
  REQUIRE(redis.connect().problem == "");
  CHECK(redis.command({"DEBUG", "SLEEP", "0"})->view().null() == false);
  CHECK(redis.command({"BLPOP", "nothing", "0"}).error == core::Error::timeout);
  CHECK(!redis.connected());
}

TEST_CASE("passwords: none where one is wanted, a wrong one, the right one; and over a Unix socket") {
  fixtures::RedisServer server{{.password = "secret"}};
  auto settings = at(server);
  ColdRedis none{settings};
  REQUIRE(none.connect().problem == "");
  CHECK(none.command({"GET", "k"})->view().error());
  settings.password = "wrong";
  CHECK(ColdRedis{settings}.connect().problem.find("refuses the password") != std::string::npos);
  settings.password = "secret";
  settings.unix_path = server.unix_path();
  ColdRedis right{settings};
  CHECK(right.connect().problem == "");
  CHECK(right.command({"GET", "k"})->view().null());
}

TEST_CASE("nobody there is a sentence with the address") {
  ColdRedis redis{{.port = static_cast<uint16_t>(fixtures::free_port())}};
  CHECK(redis.connect().problem.find("cannot reach Redis at 127.0.0.1:") != std::string::npos);
}

TEST_CASE("a field of INFO is found by its whole name") {
  const std::string_view info = "# Replication\r\nrole:master\r\nmaster_replid2:x\r\nmaster_replid:abc\r\n";
  CHECK(app::info_field(info, "master_replid") == "abc");
  CHECK(app::info_field(info, "role") == "master");
  CHECK(app::info_field(info, "rol") == "");
}
