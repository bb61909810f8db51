#include "persist/schema.hpp"

#include <thread>

#include "persist/events.hpp"
#include "tests/integration/persist/stand.hpp"

TEST_CASE("Schema: a database without it is refused with what to do") {
  const std::string dsn = stand::server().database();
  CHECK(persist::check_schema(dsn).problem.find("run `onsaled --migrate`") != std::string::npos);
  REQUIRE(persist::migrate(dsn).problem == "");
  CHECK(persist::check_schema(dsn).problem == "");
}

TEST_CASE("Schema: migrating twice, and from several nodes at once, changes nothing") {
  const std::string dsn = stand::server().database();
  std::vector<std::thread> nodes;
  std::vector<std::string> problems(4);
  for (auto& problem : problems) nodes.emplace_back([&] { problem = persist::migrate(dsn).problem; });
  for (auto& node : nodes) node.join();
  for (const auto& problem : problems) CHECK(problem == "");
  CHECK(fixtures::PostgresServer::execute(dsn, "SELECT count(*) FROM schema_version")[0][0] == "1");
}

TEST_CASE("Schema: an older one wants a migration, a newer one a newer program") {
  const std::string dsn = stand::server().database();
  REQUIRE(persist::migrate(dsn).problem == "");
  fixtures::PostgresServer::execute(dsn, "INSERT INTO schema_version VALUES (99)");
  CHECK(persist::check_schema(dsn).problem.find("version 99") != std::string::npos);
  fixtures::PostgresServer::execute(dsn, "DELETE FROM schema_version");
  CHECK(persist::check_schema(dsn).problem.find("onsaled --migrate") != std::string::npos);
}

TEST_CASE("Schema: an unreachable PostgreSQL is named, not waited for") {
  CHECK(persist::check_schema("host=/nonexistent dbname=x").problem.starts_with("PostgreSQL: "));
  CHECK(persist::migrate("host=/nonexistent dbname=x").problem.starts_with("PostgreSQL: "));
}

TEST_CASE("Events: of two nodes that change the same thing one wins") {
  stand::Database database;
  persist::Postgres link{{.dsn = database.dsn()}};
  REQUIRE(link.connect());
  persist::Events events{link};
  CHECK(events.insert("opera", R"({"name":"Opera"})").value);
  CHECK_FALSE(events.insert("opera", "{}").value);
  CHECK(events.change_state("opera", core::EventState::draft, core::EventState::warmed).value);
  CHECK_FALSE(events.change_state("opera", core::EventState::draft, core::EventState::warmed).value);
  CHECK(events.raise_epoch("opera", 1).value);
  CHECK_FALSE(events.raise_epoch("opera", 1).value);
  auto row = events.find("opera").value;
  REQUIRE(row.has_value());
  CHECK(row->state == core::EventState::warmed);
  CHECK(row->epoch == 2);
  CHECK(row->version == 3);
  CHECK(events.update("opera", 3, R"({"name":"Opera at night"})").value);
  CHECK_FALSE(events.update("opera", 3, "{}").value);
  CHECK_FALSE(events.find("unknown").value.has_value());
  CHECK(events.insert("broken", "not json").error == core::Error::protocol);
}

TEST_CASE("Events: only rows that changed are loaded again") {
  stand::Database database;
  persist::Postgres link{{.dsn = database.dsn()}};
  REQUIRE(link.connect());
  persist::Events events{link};
  REQUIRE(events.insert("opera", "{}").value);
  auto all = events.load();
  REQUIRE(all.value.size() == 2);
  CHECK(all.value[0].id == "gala");
  std::vector<persist::KnownEvent> known{{"gala", all.value[0].version}, {"opera", all.value[1].version}};
  CHECK(events.load(known).value.empty());
  REQUIRE(events.raise_epoch("opera", 1).value);
  REQUIRE(events.store_head("gala", 5) == core::Error::none);  // no change of the row
  auto changed = events.load(known);
  REQUIRE(changed.value.size() == 1);
  CHECK(changed.value[0].id == "opera");
}

TEST_CASE("Events: the head never goes back") {
  stand::Database database;
  persist::Postgres link{{.dsn = database.dsn()}};
  REQUIRE(link.connect());
  persist::Events events{link};
  for (int64_t head : {7, 20, 3}) REQUIRE(events.store_head("gala", head) == core::Error::none);
  CHECK(events.find("gala").value->head == 20);
}

TEST_CASE("Events: a rebuild is one session's, and is free again when that session dies") {
  stand::Database database;
  auto one = std::make_unique<persist::Postgres>(persist::Postgres::Settings{.dsn = database.dsn()});
  persist::Postgres two{{.dsn = database.dsn()}};
  REQUIRE(one->connect());
  REQUIRE(two.connect());
  CHECK(persist::Events{*one}.try_lock_rebuild("gala").value);
  CHECK_FALSE(persist::Events{two}.try_lock_rebuild("gala").value);
  CHECK(persist::Events{two}.try_lock_rebuild("opera").value);
  one.reset();
  CHECK(fixtures::eventually([&] { return persist::Events{two}.try_lock_rebuild("gala").value; }));
  CHECK(persist::Events{two}.unlock_rebuild("gala") == core::Error::none);
}
