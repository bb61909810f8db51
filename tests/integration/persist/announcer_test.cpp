#include "persist/announcer.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include "tests/integration/persist/mock_kafka.hpp"
#include "tests/integration/persist/stand.hpp"

using fixtures::eventually;

namespace {

// A log as Redis would keep it, with the failures Redis has.
class FakeLog : public persist::LogSource {
 public:
  std::vector<std::string> events() override { return {"gala"}; }
  core::Result<Lease> lease(std::string_view) override {
    std::lock_guard lock{mutex_};
    if (away_) return {{}, core::Error::unavailable};
    return {{granted_, cursor_}};
  }
  core::Result<std::vector<persist::LogEntry>> read(std::string_view, int64_t after_seq, std::size_t most) override {
    std::lock_guard lock{mutex_};
    if (away_) return {{}, core::Error::unavailable};
    core::Result<std::vector<persist::LogEntry>> result;
    for (const auto& entry : entries_)
      if (entry.seq > after_seq && result.value.size() < most) result.value.push_back(entry);
    return result;
  }
  core::Result<bool> advance(std::string_view, int64_t seq) override {
    std::lock_guard lock{mutex_};
    if (away_) return {{}, core::Error::unavailable};
    if (!granted_) return {false};
    CHECK(seq > cursor_);
    cursor_ = seq;
    return {true};
  }
  core::Result<int64_t> newest(std::string_view) override {
    std::lock_guard lock{mutex_};
    return {entries_.empty() ? 0 : entries_.back().seq};
  }

  void append(int count, const std::string& type = "seats.held", const std::string& detail = "") {
    std::lock_guard lock{mutex_};
    for (int at = 0; at < count; ++at) {
      const int64_t seq = (entries_.empty() ? int64_t{1} << 32 : entries_.back().seq) + 1 + at % 3;  // seqs have gaps
      entries_.push_back({seq, type, "hold-" + std::to_string(seq % 50), "u", {"A-1-1"}, 1'795'000'000'000, detail});
    }
  }
  void set(bool away, bool granted) {
    std::lock_guard lock{mutex_};
    away_ = away, granted_ = granted;
  }
  int64_t cursor() {
    std::lock_guard lock{mutex_};
    return cursor_;
  }
  int64_t last() { return newest("").value; }
  std::size_t size() { return entries_.size(); }

 private:
  std::mutex mutex_;
  std::vector<persist::LogEntry> entries_;
  int64_t cursor_ = 0;
  bool away_ = false, granted_ = true;
};

std::set<std::string> ids(const std::vector<stand::Heard>& heard) {
  std::set<std::string> out;
  for (const auto& message : heard) out.insert(message.id());
  return out;
}

void record_orders(const stand::Database& database, int count, const std::string& prefix = "01") {
  auto recorder = database.recorder();
  std::vector<persist::Order> orders;
  for (int at = 0; at < count; ++at) {
    const std::string id = prefix + std::to_string(1000 + at);
    // Every tenth wants the seat of the one before it.
    orders.push_back(stand::order(id, {at % 10 == 9 ? "S-" + prefix + std::to_string(1000 + at - 1) : "S-" + id}));
  }
  REQUIRE(recorder.record(std::span<const persist::Order>{orders}));
}

std::set<std::string> outbox(const stand::Database& database) {
  std::set<std::string> out;
  for (const auto& row : database.sql("SELECT ce_id FROM outbox")) out.insert(row[0]);
  return out;
}

bool outbox_empty(const stand::Database& database) { return database.value("SELECT count(*) FROM outbox") == "0"; }

persist::Announcer::Settings settings(const stand::Database& database, const std::string& brokers) {
  return {.dsn = database.dsn(), .kafka = {.brokers = brokers}};
}

}  // namespace

TEST_CASE("Announcer: every order, rejection and refund leaves the outbox for Kafka, as a CloudEvent") {
  stand::Database database;
  stand::MockKafka kafka;
  record_orders(database, 100);
  const auto expected = outbox(database);
  CHECK(expected.size() == 110);
  FakeLog log;
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  CHECK(eventually([&] { return outbox_empty(database); }));
  announcer.stop();
  CHECK(announcer.orders_announced() == 110);
  const auto heard = kafka.hear();
  CHECK(heard.size() == 110);
  CHECK(ids(heard) == expected);
  const auto refund = std::find_if(heard.begin(), heard.end(),
                                   [](const auto& message) { return message.id() == "011009:refund.required"; });
  REQUIRE(refund != heard.end());
  CHECK(refund->topic == "onsale.orders");
  CHECK(refund->key == "011009");
  CHECK(refund->headers.at("ce_specversion") == "1.0");
  CHECK(refund->headers.at("ce_type") == "refund.required");
  CHECK(refund->headers.at("ce_source") == "/onsale/events/gala");
  CHECK(refund->headers.at("ce_time") == "2026-11-18T11:06:40.123Z");
  CHECK(refund->headers.at("content-type") == "application/json");
  CHECK(refund->value == R"({"event":"gala","order":"011009","user":"user-011009","seats":["S-011008"],"amount":15400,)"
                         R"("currency":"KRW","reference":"pay-011009","reason":"seat_taken",)"
                         R"("at":"2026-11-18T11:06:40.123Z"})");
}

TEST_CASE("Announcer: the refund of a payment that never had an order says whose money it is") {
  stand::Database database;
  stand::MockKafka kafka;
  auto recorder = database.recorder();
  const std::vector<persist::Refusal> refusals{stand::refusal("pay-9", "01H", "hold_expired")};
  REQUIRE(recorder.record(std::span{refusals}));
  FakeLog log;
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  CHECK(eventually([&] { return outbox_empty(database); }));
  announcer.stop();
  const auto heard = kafka.hear();
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].value == R"({"event":"gala","order":"01H","user":"user-01H","amount":15400,"currency":"KRW",)"
                          R"("reference":"pay-9","reason":"hold_expired","at":"2026-11-18T11:06:40.123Z"})");
}

TEST_CASE("Announcer: brokers that refuse, time out and hang up lose nothing and change no id") {
  stand::Database database;
  stand::MockKafka kafka;
  kafka.fail_produce(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                     RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                     RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT);
  record_orders(database, 300);
  const auto expected = outbox(database);
  FakeLog log;
  log.append(1000);
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  CHECK(eventually([&] { return outbox_empty(database) && log.cursor() == log.last(); }, std::chrono::seconds{40}));
  announcer.stop();
  auto all = ids(kafka.hear());
  CHECK(all.size() == expected.size() + log.size());
  CHECK(std::includes(all.begin(), all.end(), expected.begin(), expected.end()));
}

TEST_CASE("Announcer: the entries of a hold stay in order and carry their seq") {
  stand::Database database;
  stand::MockKafka kafka;
  FakeLog log;
  log.append(3000);
  log.append(1, "line.admitted", "64");
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  CHECK(eventually([&] { return log.cursor() == log.last(); }));
  log.append(500);
  CHECK(eventually([&] { return log.cursor() == log.last(); }));
  announcer.stop();
  const auto heard = kafka.hear();
  CHECK(heard.size() == 3501);
  std::map<std::string, int64_t> newest;
  for (const auto& message : heard) {
    if (message.topic == "onsale.line") {
      CHECK(message.key == "gala");
      CHECK(message.value.find("\"count\":64") != std::string::npos);
      continue;
    }
    const int64_t seq = std::stoll(message.id().substr(5));
    CHECK(seq > newest[message.key]);
    newest[message.key] = seq;
    CHECK(message.value.find("\"seq\":" + std::to_string(seq) + ",") != std::string::npos);
  }
  CHECK(newest.size() == 50);
}

TEST_CASE("Announcer: Kafka that is away at the start stops nothing and gets everything later") {
  stand::Database database;
  stand::MockKafka kafka;
  kafka.down();
  record_orders(database, 50);
  FakeLog log;
  log.append(200);
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  CHECK(outbox(database).size() == 55);
  CHECK(log.cursor() == 0);
  kafka.up();
  CHECK(eventually([&] { return outbox_empty(database) && log.cursor() == log.last(); }, std::chrono::seconds{40}));
  announcer.stop();
  CHECK(ids(kafka.hear()).size() == 255);
}

TEST_CASE("Announcer: stopping while Kafka is away takes seconds, and leaves everything for the next process") {
  stand::Database database;
  stand::MockKafka kafka;
  kafka.down();
  record_orders(database, 50);
  FakeLog log;
  log.append(200);
  {
    persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
    REQUIRE(announcer.start().problem == "");
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    const auto before = std::chrono::steady_clock::now();
    announcer.stop();
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds{5});
  }
  CHECK(outbox(database).size() == 55);
  kafka.up();
  persist::Announcer next{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(next.start().problem == "");
  CHECK(eventually([&] { return outbox_empty(database) && log.cursor() == log.last(); }, std::chrono::seconds{40}));
}

TEST_CASE("Announcer: a producer that dies of a fatal error is replaced and nothing is lost") {
  stand::Database database;
  stand::MockKafka kafka;
  FakeLog log;
  log.append(2000);
  persist::LogAnnouncer announcer{{.dsn = database.dsn(), .kafka = {.brokers = kafka.brokers()}}, log, stand::silent};
  kafka.down();  // so that much is under way
  announcer.round();
  rd_kafka_test_fatal_error(announcer.producer()->handle(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "as if");
  CHECK(eventually([&] { return announcer.round(), announcer.producer()->restarts() == 1; }));
  kafka.up();
  CHECK(eventually([&] { return announcer.round(), log.cursor() == log.last(); }, std::chrono::seconds{40}));
  CHECK(ids(kafka.hear()).size() == 2000);
}

TEST_CASE("Announcer: an order's producer that dies of a fatal error is replaced, too") {
  stand::Database database;
  stand::MockKafka kafka;
  kafka.down();
  record_orders(database, 50);
  FakeLog log;
  std::atomic<bool> stopping{false};
  persist::OutboxAnnouncer announcer{
      {.dsn = database.dsn(), .kafka = {.brokers = kafka.brokers()}}, stand::silent, stopping};
  std::thread other{[&] {
    while (!outbox_empty(database)) announcer.round();
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  rd_kafka_test_fatal_error(announcer.producer()->handle(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "as if");
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  kafka.up();
  other.join();
  CHECK(ids(kafka.hear()).size() == 55);
}

TEST_CASE("Announcer: an entry Kafka never takes is put aside and holds up no other") {
  stand::Database database;
  stand::MockKafka kafka;
  FakeLog log;
  log.append(10);
  log.append(1, "seats.held", std::string(2'000'000, 'x'));
  log.append(10);
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  CHECK(eventually([&] { return log.cursor() == log.last(); }));
  announcer.stop();
  CHECK(kafka.hear().size() == 20);
  CHECK(database.value("SELECT kind || count(*) FROM dead_letters GROUP BY kind") == "announcement1");
}

TEST_CASE("Announcer: while Redis is away, or another node has the lease, nothing is announced; then all is") {
  stand::Database database;
  stand::MockKafka kafka;
  FakeLog log;
  log.append(100);
  log.set(true, true);
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  CHECK(announcer.entries_announced() == 0);
  log.set(false, false);
  std::this_thread::sleep_for(std::chrono::milliseconds{800});
  CHECK(announcer.entries_announced() == 0);
  log.set(false, true);
  CHECK(eventually([&] { return log.cursor() == log.last(); }));
  log.append(100);
  log.set(false, false);  // lost in the middle
  std::this_thread::sleep_for(std::chrono::milliseconds{800});
  log.set(false, true);
  CHECK(eventually([&] { return log.cursor() == log.last(); }));
  announcer.stop();
  CHECK(ids(kafka.hear()).size() == 200);
}

TEST_CASE("Announcer: without Kafka the outbox does not grow and the log can be trimmed") {
  stand::Database database;
  record_orders(database, 100);
  FakeLog log;
  log.append(100);
  persist::Announcer announcer{settings(database, ""), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  CHECK(eventually([&] { return outbox_empty(database) && log.cursor() == log.last(); }));
  log.append(5);
  CHECK(eventually([&] { return log.cursor() == log.last(); }));
}

TEST_CASE("Announcer: of two processes one announces orders, and the other takes over") {
  stand::Database database;
  stand::MockKafka kafka;
  FakeLog log;
  log.set(false, false);
  auto first = std::make_unique<persist::Announcer>(settings(database, kafka.brokers()), log, stand::silent);
  REQUIRE(first->start().problem == "");
  record_orders(database, 10, "01");
  CHECK(eventually([&] { return outbox_empty(database); }));
  persist::Announcer second{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(second.start().problem == "");
  record_orders(database, 50, "02");
  CHECK(eventually([&] { return outbox_empty(database); }));
  CHECK(second.orders_announced() == 0);
  first.reset();
  record_orders(database, 50, "03");
  CHECK(eventually([&] { return outbox_empty(database); }));
  CHECK(second.orders_announced() == 55);
  const auto heard = kafka.hear();
  CHECK(heard.size() == 121);
  CHECK(ids(heard).size() == 121);
}

TEST_CASE("Announcer: PostgreSQL killed in the middle repeats at most, and forgets nothing") {
  stand::Database database;
  stand::MockKafka kafka;
  FakeLog log;
  persist::Announcer announcer{settings(database, kafka.brokers()), log, stand::silent};
  REQUIRE(announcer.start().problem == "");
  std::set<std::string> expected;
  for (int round = 0; round < 3; ++round) {
    record_orders(database, 200, "0" + std::to_string(round));
    for (const auto& row : database.sql("SELECT id || ':order.' || state FROM orders UNION "
                                        "SELECT refund_id FROM payments WHERE refund_required"))
      expected.insert(row[0]);
    stand::server().kill9();
    stand::server().start();
  }
  CHECK(eventually([&] { return outbox_empty(database); }));
  announcer.stop();
  CHECK(expected.size() == 660);
  CHECK(ids(kafka.hear()) == expected);
}
