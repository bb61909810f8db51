// Orders a second of one connection; skipped unless asked for:
//   integration_persist --no-skip -tc='Speed*'            the fixture's PostgreSQL, which does not wait for the disk
//   ONSALE_SPEED_DSN=... integration_persist --no-skip …   a migrated database that does
#include <cstdlib>

#include "core/time.hpp"
#include "tests/integration/persist/stand.hpp"

TEST_CASE("Speed: orders a second of one connection" * doctest::skip()) {
  const char* given = std::getenv("ONSALE_SPEED_DSN");
  const std::string dsn = given ? given : stand::server().database();
  REQUIRE(persist::migrate(dsn).problem == "");
  const std::string event = "speed-" + std::to_string(core::wall_ms());
  fixtures::PostgresServer::execute(dsn, "INSERT INTO events (id, definition) VALUES ('" + event + "', '{}')");
  persist::Recorder recorder{{.dsn = dsn}, stand::quiet};
  int64_t number = 0;
  for (int batch : {1, 16, 64, 256, 512}) {
    const int64_t start_ms = core::monotonic_ms();
    int64_t orders = 0;
    while (core::monotonic_ms() < start_ms + 2000) {
      std::vector<persist::Order> rows;
      for (int at = 0; at < batch; ++at, ++number, ++orders) {
        const std::string id = "01" + event + std::to_string(10'000'000 + number);
        rows.push_back(stand::order(id, {"A-" + std::to_string(number * 2), "A-" + std::to_string(number * 2 + 1)}));
        rows.back().event = event;
      }
      REQUIRE(recorder.record(std::span<const persist::Order>{rows}));
    }
    const double seconds = static_cast<double>(core::monotonic_ms() - start_ms) / 1000;
    MESSAGE("batches of ", batch, ": ", static_cast<int64_t>(static_cast<double>(orders) / seconds), " orders/s");
  }
}
