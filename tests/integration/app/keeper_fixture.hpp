// A sale on a real Redis and a real PostgreSQL, kept by a Keeper whose ticks the test turns itself.
#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>

#include "app/keeper.hpp"
#include "core/log.hpp"
#include "core/time.hpp"
#include "persist/events.hpp"
#include "persist/schema.hpp"
#include "tests/integration/fixtures/postgres_server.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

namespace keeper_tests {

using fixtures::PostgresServer;

inline PostgresServer& postgres_server() {
  static PostgresServer server;
  return server;
}

inline const lua::Scripts& scripts() {
  static const lua::Scripts all;
  return all;
}

// Section A: seats 0..9 in a row; GA: places 10..14. Opens an hour from now unless told otherwise.
inline std::string definition(int64_t opens_in_ms = 3'600'000, const std::string& more = "") {
  return R"({"name":"n","currency":"KRW","opens_at":")" + core::rfc3339(core::wall_ms() + opens_in_ms) + "\"" + more +
         R"(,"sections":[{"id":"A","name":"A","amount":100,"rows":[{"row":"1","seats":10}]},
             {"id":"GA","name":"GA","amount":50,"general":5}],"admission":{"rate_per_s":100,"active_max":100}})";
}

// One node's keeper.
struct Node {
  Node(const std::string& dsn, const fixtures::RedisServer& redis, void (*at_step)(std::string_view) = nullptr)
      : keeper{settings(dsn, redis, at_step), scripts(), catalog, generation, log} {}

  static app::KeeperSettings settings(const std::string& dsn, const fixtures::RedisServer& redis,
                                      void (*at_step)(std::string_view)) {
    app::KeeperSettings made;
    made.redis.port = static_cast<uint16_t>(redis.port());
    made.redis.timeout_ms = 5000;
    made.postgres.dsn = dsn;
    made.tick_ms = 20;
    made.adopt_after_ms = 0;
    made.at_step = at_step;
    return made;
  }
  // Turns until the event is in that state on both sides.
  bool reaches(const std::string& event, core::EventState state) {
    return fixtures::eventually([&] {
      keeper.tick();
      const auto status = keeper.status();  // kept while it is looked at
      const auto* known = status->find(event);
      return known && known->healthy && known->state == state &&
             (state == core::EventState::draft || known->meta.state == core::name(state));
    });
  }
  // Chores (adoption, heads) are done once a second.
  template <class Condition>
  bool turns_until(Condition&& condition) {
    return fixtures::eventually([&] {
      keeper.tick();
      return condition();
    });
  }
  app::MoveResult move(const std::string& event, app::EventMove move) {
    auto result = keeper.move(event, move, std::chrono::seconds{5});
    while (result.wait_for(std::chrono::milliseconds{5}) != std::future_status::ready) keeper.tick();
    return result.get();
  }

  core::Log log{{core::LogFormat::text, core::LogLevel::debug, open("/dev/null", O_WRONLY | O_CLOEXEC), false}};
  core::Snapshot<core::Catalog> catalog;
  app::Generation generation;
  app::Keeper keeper;
};

// One event "e" in a database and a Redis of its own.
struct Sale {
  explicit Sale(fixtures::RedisOptions options = {}) : redis{std::move(options)}, dsn{postgres_server().database()} {
    REQUIRE(persist::migrate(dsn).problem == "");
    reconnect();
  }
  void reconnect() {
    link.disconnect();
    REQUIRE(link.connect().problem == "");
  }
  PostgresServer::Rows sql(const std::string& statement) const { return PostgresServer::execute(dsn, statement); }
  void insert(const std::string& event, const std::string& text) const {
    persist::Postgres postgres{{.dsn = dsn}};
    REQUIRE(postgres.connect().problem == "");
    REQUIRE(persist::Events{postgres}.insert(event, text).value);
  }
  // Inserts and opens "e" through `node`.
  void open(Node& node) {
    insert("e", definition());
    REQUIRE(node.move("e", app::EventMove::open).code == app::MoveResult::Code::done);
  }

  std::string redis_text(std::initializer_list<std::string_view> words) {
    auto reply = link.command(words);
    REQUIRE(reply.error == core::Error::none);
    return reply->view().null() ? "" : std::string{reply->view().text()};
  }
  int64_t redis_number(std::initializer_list<std::string_view> words) {
    auto reply = link.command(words);
    REQUIRE(reply.error == core::Error::none);
    return reply->view().number();
  }
  std::string meta(std::string_view field) { return redis_text({"HGET", "{e}:meta", field}); }
  std::string seats() { return redis_text({"GET", "{e}:seats"}); }
  std::string record(std::string_view hold) { return redis_text({"HGET", "{e}:hold", hold}); }

  // The first word of a script's first item.
  std::string script(std::string_view name, std::initializer_list<std::string_view> arguments) {
    std::vector<std::string_view> words{epoch = meta("epoch")};
    words.insert(words.end(), arguments);
    auto reply = link.script(scripts()[name], "e", words);
    REQUIRE(reply.error == core::Error::none);
    const auto item = reply->view()[0];
    return std::string{item.array() ? item[0].text() : reply->view().text()};
  }
  std::string hold(std::string_view id, std::string_view user, std::string_view seats_wanted) {
    (void)redis_number({"ZADD", "{e}:active", "9000000000000", user});
    return script("hold", {id, user, seats_wanted, "100", "", ""});
  }
  std::string confirm(std::string_view id, std::string_view user, std::string_view reference) {
    return script("confirm", {id, user, reference, "100", "KRW", "1", "", "", "", "0"});
  }
  // A hold that became an order in Redis and that nobody has recorded.
  void buy(std::string_view id, std::string_view user, std::string_view seats_wanted) {
    REQUIRE(hold(id, user, seats_wanted) == "ok");
    REQUIRE(confirm(id, user, std::string{"pay-"} + std::string{id}) == "ok");
  }
  // As buy(), and recorded on both sides.
  void buy_recorded(Node& node, std::string_view id, std::string_view user, std::string_view seats_wanted) {
    buy(id, user, seats_wanted);
    REQUIRE(node.turns_until([&] { return record(id).starts_with("R;"); }));
  }

  fixtures::RedisServer redis;
  std::string dsn;
  app::ColdRedis link{{.port = static_cast<uint16_t>(redis.port()), .timeout_ms = 5000}};
  std::string epoch;
};

}  // namespace keeper_tests
