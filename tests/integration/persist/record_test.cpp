#include "persist/record.hpp"

#include <thread>

#include "persist/events.hpp"
#include "persist/orders.hpp"
#include "tests/integration/persist/stand.hpp"

using persist::Outcome;
using stand::order;
using stand::refusal;

namespace {

std::vector<persist::Recorded> record(persist::Recorder& recorder, const std::vector<persist::Order>& orders) {
  auto result = recorder.record(std::span{orders});
  REQUIRE(result.error == core::Error::none);
  REQUIRE(result.value.size() == orders.size());
  return std::move(result.value);
}

std::vector<persist::Recorded> record(persist::Recorder& recorder, const std::vector<persist::Refusal>& refusals) {
  auto result = recorder.record(std::span{refusals});
  REQUIRE(result.error == core::Error::none);
  REQUIRE(result.value.size() == refusals.size());
  return std::move(result.value);
}

std::string outbox(const stand::Database& database) {
  return database.value("SELECT coalesce(string_agg(ce_id, ' ' ORDER BY ce_id), '') FROM outbox");
}

std::string seats(const stand::Database& database) {
  return database.value("SELECT coalesce(string_agg(seat || '=' || order_id, ' ' ORDER BY seat), '') FROM order_seats");
}

}  // namespace

TEST_CASE("Record: a batch is written whole: orders, seats, payments and announcements") {
  stand::Database database;
  auto recorder = database.recorder();
  auto answers = record(recorder, {order("01B", {"A-1-3", "A-1-4"}), order("01A", {"A-1-1"})});
  CHECK(answers[0].outcome == Outcome::confirmed);
  CHECK(answers[1].outcome == Outcome::confirmed);
  CHECK(seats(database) == "A-1-1=01A A-1-3=01B A-1-4=01B");
  CHECK(outbox(database) == "01A:order.confirmed 01B:order.confirmed");
  CHECK(database.value("SELECT decision || order_id FROM payments WHERE reference = 'pay-01B'") == "order01B");
  CHECK(database.value("SELECT seats::text || (extract(epoch FROM decided_at) * 1000)::bigint || user_id "
                       "FROM orders WHERE id = '01B'") == "{A-1-3,A-1-4}1795000000123user-01B");
  CHECK(recorder.figures().careful == 0);
}

TEST_CASE("Record: of two orders of a batch that want one seat the first gets it, the other its refund") {
  stand::Database database;
  auto recorder = database.recorder();
  // Listed against the order of their ids: the place in the batch decides.
  auto answers = record(recorder, {order("01Z", {"A-1-1", "A-1-2"}), order("01A", {"A-1-2", "A-1-3"})});
  CHECK(answers[0].outcome == Outcome::confirmed);
  CHECK(answers[1].outcome == Outcome::rejected);
  CHECK(answers[1].reason == "seat_taken");
  CHECK(answers[1].refund_required);
  CHECK(answers[1].conflicts == std::vector<std::string>{"A-1-2"});
  CHECK(seats(database) == "A-1-1=01Z A-1-2=01Z");  // A-1-3 was taken back
  CHECK(outbox(database) == "01A:order.rejected 01A:refund.required 01Z:order.confirmed");
  CHECK(database.value("SELECT decision || refund_id FROM payments WHERE order_id = '01A'") ==
        "order_rejected01A:refund.required");
}

TEST_CASE("Record: an order that loses to a rejected one's seats is not rejected with it") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {order("01X", {"A-1-1"})});
  auto answers = record(recorder, {order("01A", {"A-1-1", "A-1-2"}), order("01B", {"A-1-2", "A-1-3"})});
  CHECK(answers[0].outcome == Outcome::rejected);
  CHECK(answers[1].outcome == Outcome::confirmed);
  CHECK(seats(database) == "A-1-1=01X A-1-2=01B A-1-3=01B");
}

TEST_CASE("Record: a duplicate delivery answers the same and writes nothing") {
  stand::Database database;
  auto recorder = database.recorder();
  const std::vector<persist::Order> orders{order("01A", {"A-1-1"}), order("01B", {"A-1-1", "A-1-2"})};
  record(recorder, orders);
  const std::string everything = "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o";
  const std::string before = database.value(everything) + outbox(database);
  auto again = record(recorder, orders);
  CHECK(again[0].outcome == Outcome::confirmed);
  CHECK(again[1].outcome == Outcome::rejected);
  CHECK(again[1].reason == "seat_taken");
  CHECK(again[1].refund_required);
  CHECK(again[1].conflicts == std::vector<std::string>{"A-1-1"});
  CHECK(database.value(everything) + outbox(database) == before);
}

TEST_CASE("Record: the same order twice in one batch is one order") {
  stand::Database database;
  auto recorder = database.recorder();
  auto answers = record(recorder, {order("01A", {"A-1-1"}), order("01A", {"A-1-1"}), order("01B", {"A-1-2"})});
  for (const auto& answer : answers) CHECK(answer.outcome == Outcome::confirmed);
  CHECK(database.value("SELECT count(*) FROM orders") == "2");
  CHECK(outbox(database) == "01A:order.confirmed 01B:order.confirmed");
}

TEST_CASE("Record: a payment that made an order does not make another, and is not given back") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {order("01A", {"A-1-1"}, "pay-1")});
  auto answers = record(recorder, {order("01B", {"A-1-2"}, "pay-1")});
  CHECK(answers[0].outcome == Outcome::rejected);
  CHECK(answers[0].reason == "already_paid");
  CHECK_FALSE(answers[0].refund_required);
  CHECK(seats(database) == "A-1-1=01A");
  CHECK(outbox(database) == "01A:order.confirmed 01B:order.rejected");
}

TEST_CASE("Record: a seat named twice in one order is one seat") {
  stand::Database database;
  auto recorder = database.recorder();
  auto answers = record(recorder, {order("01A", {"A-1-1", "A-1-1"})});  // twice the same seat is one seat
  CHECK(answers[0].outcome == Outcome::confirmed);
  CHECK(seats(database) == "A-1-1=01A");
}

TEST_CASE("Record: another epoch writes nothing and says so") {
  stand::Database database;
  auto recorder = database.recorder();
  auto late = order("01A", {"A-1-1"});
  late.epoch = 2;
  auto unknown = order("01B", {"A-1-2"});
  unknown.event = "nobody knows";
  auto money = refusal("pay-1", "01C", "hold_expired");
  money.epoch = 7;
  auto answers = record(recorder, {late, order("01D", {"A-1-4"}), unknown});
  CHECK(answers[0].outcome == Outcome::stale_epoch);
  CHECK(answers[1].outcome == Outcome::confirmed);  // of the same call, of the right epoch
  CHECK(answers[2].outcome == Outcome::stale_epoch);
  CHECK(record(recorder, {money})[0].outcome == Outcome::stale_epoch);
  CHECK(seats(database) == "A-1-4=01D");
  CHECK(database.value("SELECT count(*) FROM orders") == "1");
  CHECK(database.value("SELECT count(*) FROM payments") == "1");
  CHECK(recorder.figures().stale == 3);
}

TEST_CASE("Record: a duplicate of a recorded order in a new epoch is refused before it is looked up") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {order("01A", {"A-1-1"})});
  database.sql("SELECT onsale_raise_epoch('gala', 1)");
  CHECK(record(recorder, {order("01A", {"A-1-1"})})[0].outcome == Outcome::stale_epoch);
}

TEST_CASE("Record: a raise of the epoch waits for the batch that runs") {
  stand::Database database;
  persist::Postgres batch{{.dsn = database.dsn()}}, keeper{{.dsn = database.dsn()}};
  REQUIRE(batch.connect());
  REQUIRE(keeper.connect());
  REQUIRE(
      batch.script("BEGIN; SELECT onsale_record_orders('gala', 1, '{01A}', '{u}', '{A-1-1}', '{5}', '{KRW}', "
                   "'{pay}', '{1}')"));
  std::atomic<bool> raised{false};
  std::thread other{[&] {
    CHECK(persist::Events{keeper}.raise_epoch("gala", 1).value);
    raised = true;
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
  CHECK_FALSE(raised);
  REQUIRE(batch.script("COMMIT"));
  other.join();
  CHECK(seats(database) == "A-1-1=01A");
  CHECK(database.value("SELECT epoch FROM events") == "2");
}

TEST_CASE("Record: an UPDATE by hand waits for the batch that runs, too") {
  stand::Database database;
  persist::Postgres batch{{.dsn = database.dsn()}}, person{{.dsn = database.dsn(), .statement_ms_max = 500}};
  REQUIRE(batch.connect());
  REQUIRE(person.connect());
  REQUIRE(batch.script("BEGIN; SELECT onsale_epoch_holds('gala', 1)"));
  CHECK(person.script("UPDATE events SET epoch = 9").outcome == persist::Sql::retry);  // its timeout
  REQUIRE(batch.script("COMMIT"));
  CHECK(person.script("UPDATE events SET epoch = 9"));
}

TEST_CASE("Record: writers that never pause do not keep the epoch from being raised") {
  stand::Database database;
  std::atomic<bool> enough{false};
  std::atomic<int> stale{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer)
    writers.emplace_back([&, writer] {
      auto recorder = database.recorder();
      for (int at = 0; !enough; ++at) {
        const std::string id = std::to_string(writer) + "-" + std::to_string(at);
        auto answers = record(recorder, {order(id, {"S-" + id})});
        if (answers[0].outcome == Outcome::stale_epoch && ++stale > 0) return;
      }
    });
  persist::Postgres keeper{{.dsn = database.dsn()}};
  REQUIRE(keeper.connect());
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  auto before = std::chrono::steady_clock::now();
  CHECK(persist::Events{keeper}.raise_epoch("gala", 1).value);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds{5});
  CHECK(fixtures::eventually([&] { return stale == 3; }));
  enough = true;
  for (auto& writer : writers) writer.join();
}

TEST_CASE("Record: two writers race for one seat and one of them gets it") {
  stand::Database database;
  std::atomic<int> confirmed{0}, rejected{0}, ready{0};
  auto race = [&](const std::string& side) {
    auto recorder = database.recorder();
    for (int round = 0; round < 50; ++round) {
      ++ready;
      while (ready < (round + 1) * 2) std::this_thread::yield();
      const std::string seat = std::to_string(round);
      std::vector<persist::Order> batch;
      for (int at = 0; at < 20; ++at) {
        const std::string own = side + "-" + seat + "-" + std::to_string(at);
        batch.push_back(order(own, at == 7 ? std::vector<std::string>{own, "wanted-" + seat} : std::vector{own}));
      }
      auto answers = record(recorder, batch);
      for (std::size_t at = 0; at < answers.size(); ++at)
        if (at != 7) CHECK(answers[at].outcome == Outcome::confirmed);
      ++(answers[7].outcome == Outcome::confirmed ? confirmed : rejected);
      if (answers[7].outcome == Outcome::rejected) CHECK(answers[7].refund_required);
    }
  };
  std::thread a{race, "a"}, b{race, "b"};
  a.join(), b.join();
  CHECK(confirmed == 50);
  CHECK(rejected == 50);
  CHECK(database.value("SELECT count(*) FROM order_seats WHERE seat LIKE 'wanted-%'") == "50");
  CHECK(database.value("SELECT count(*) FROM outbox WHERE type = 'refund.required'") == "50");
  CHECK(database.value("SELECT count(*) FROM order_seats s JOIN orders o ON o.id = s.order_id "
                       "WHERE o.state <> 'confirmed'") == "0");
}

TEST_CASE("Record: a refused payment becomes one row and one refund, however often it is told") {
  stand::Database database;
  auto recorder = database.recorder();
  for (int time = 0; time < 2; ++time) {
    auto answers = record(recorder, {refusal("pay-1", "01A", "hold_expired")});
    CHECK(answers[0].outcome == Outcome::refused);
    CHECK(answers[0].reason == "hold_expired");
    CHECK(answers[0].refund_required);
  }
  CHECK(outbox(database) == "01A:refund.required");
  CHECK(database.value("SELECT count(*) FROM payments") == "1");
}

TEST_CASE("Record: each of three payments for one hold is given back under an id of its own") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {refusal("pay-1", "01A", "stale_fence"), refusal("pay-2", "01A", "hold_expired")});
  record(recorder, {refusal("pay-3", "01A", "hold_expired")});
  CHECK(outbox(database) == "01A:refund.required 01A:refund.required:pay-2 01A:refund.required:pay-3");
}

TEST_CASE("Record: a refusal of a payment that made an order changes nothing and gives nothing back") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {order("01A", {"A-1-1"}, "pay-1")});
  auto answers = record(recorder, {refusal("pay-1", "01A", "hold_expired")});
  CHECK(answers[0].outcome == Outcome::refused);
  CHECK(answers[0].reason == "order");
  CHECK_FALSE(answers[0].refund_required);
  CHECK(outbox(database) == "01A:order.confirmed");
}

TEST_CASE("Record: an order with a payment on its way back stays rejected and its money goes back once") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {refusal("pay-1", "01A", "hold_expired")});
  auto answers = record(recorder, {order("01B", {"A-1-1"}, "pay-1")});
  CHECK(answers[0].outcome == Outcome::rejected);
  CHECK(answers[0].reason == "already_paid");
  CHECK(answers[0].refund_required);  // true of the payment
  CHECK(outbox(database) == "01A:refund.required 01B:order.rejected");
}

TEST_CASE("Record: an order that Redis lost is rejected with its refund, one that is recorded stays") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {order("01A", {"A-1-1"})});
  const std::vector<persist::Order> lost{order("01A", {"A-1-1"}), order("01B", {"A-1-2"})};
  auto answers = recorder.reject(std::span{lost}, "lost_by_redis");
  REQUIRE(answers);
  CHECK(answers.value[0].outcome == Outcome::confirmed);
  CHECK(answers.value[1].outcome == Outcome::rejected);
  CHECK(answers.value[1].reason == "lost_by_redis");
  CHECK(answers.value[1].refund_required);
  CHECK(seats(database) == "A-1-1=01A");
  CHECK(outbox(database) == "01A:order.confirmed 01B:order.rejected 01B:refund.required");
}

TEST_CASE("Record: rows PostgreSQL cannot take are put aside and the others of the batch are recorded") {
  stand::Database database;
  auto recorder = database.recorder(stand::silent);
  std::vector<persist::Order> batch;
  for (int at = 0; at < 40; ++at) batch.push_back(order("01-" + std::to_string(at), {"A-" + std::to_string(at)}));
  batch[3].reference = "broken \xff utf-8";
  batch[17].user = std::string{"nul\0inside", 10};
  batch[39].amount = -1;
  for (int time = 0; time < 2; ++time) {
    auto answers = record(recorder, batch);
    for (std::size_t at = 0; at < batch.size(); ++at) {
      const bool poison = at == 3 || at == 17 || at == 39;
      CHECK(answers[at].outcome == (poison ? Outcome::unavailable : Outcome::confirmed));
      CHECK(answers[at].reason == (poison ? "dead_letter" : ""));
    }
  }
  CHECK(database.value("SELECT count(*) FROM orders") == "37");
  CHECK(database.value("SELECT string_agg(key || attempts, ' ' ORDER BY key) FROM dead_letters") ==
        "01-172 01-32 01-392");
  CHECK(database.value("SELECT payload->>'reference' FROM dead_letters WHERE key = '01-3'") == "broken \\xff utf-8");
}

TEST_CASE("Record: without the schema nothing is put aside as poison, it is tried again later") {
  persist::Recorder recorder{{.dsn = stand::server().database()}, stand::silent};
  const std::vector<persist::Order> orders{order("01A", {"A-1-1"})};
  CHECK(recorder.record(std::span{orders}).error == core::Error::unavailable);
}

TEST_CASE("Record: commits wait for the disk even where the role's default is not to") {
  stand::Database database;
  database.sql("ALTER ROLE onsale SET synchronous_commit = off");
  persist::Postgres link{{.dsn = database.dsn()}};
  REQUIRE(link.connect());
  CHECK(link.query("SHOW synchronous_commit").rows.text(0, 0) == "on");
  database.sql("ALTER ROLE onsale RESET synchronous_commit");
}

TEST_CASE("Orders: what the rebuild reads is what was recorded") {
  stand::Database database;
  auto recorder = database.recorder();
  record(recorder, {order("01A", {"A-1-1", "A-1-2"}), order("01B", {"A-1-2"})});
  persist::Postgres link{{.dsn = database.dsn()}};
  REQUIRE(link.connect());
  auto live = persist::load_live_orders(link, "gala");
  REQUIRE(live);
  REQUIRE(live.value.size() == 1);
  CHECK(live.value[0].order.order == "01A");
  CHECK(live.value[0].order.seats == std::vector<std::string>{"A-1-1", "A-1-2"});
  CHECK(live.value[0].order.decided_at_ms == 1'795'000'000'123);
  CHECK(live.value[0].order.user == "user-01A");
  CHECK(persist::load_orders(link, "gala").value.size() == 2);
  auto rejected = persist::find_order(link, "01B");
  REQUIRE(rejected.value.has_value());
  CHECK(rejected.value->state == Outcome::rejected);
  CHECK(rejected.value->reason == "seat_taken");
  CHECK_FALSE(persist::find_order(link, "01C").value.has_value());
  auto payments = persist::load_payments(link, "gala");
  REQUIRE(payments.value.size() == 2);
  CHECK((payments.value[0].decision == "order") != (payments.value[1].decision == "order"));
}
