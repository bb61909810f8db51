#include "persist/writer_pool.hpp"
#include "tests/integration/app/keeper_fixture.hpp"

using core::EventState;
using keeper_tests::Node;
using keeper_tests::Sale;

TEST_CASE("an order whose node died between confirm and record is recorded by another") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy("01A", "u1", "0,1");
  CHECK(sale.redis_number({"ZCARD", "{e}:unrecorded"}) == 1);
  REQUIRE(node.turns_until([&] { return sale.record("01A").starts_with("R;"); }));
  CHECK(sale.redis_number({"ZCARD", "{e}:unrecorded"}) == 0);
  CHECK(sale.sql("SELECT state, user_id, amount, reference FROM orders") ==
        fixtures::PostgresServer::Rows{{"confirmed", "u1", "100", "pay-01A"}});
  CHECK(sale.sql("SELECT seat FROM order_seats ORDER BY 1") == fixtures::PostgresServer::Rows{{"A-1-1"}, {"A-1-2"}});
}

TEST_CASE("a node that died after PostgreSQL and before Redis: the order is not recorded twice") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy("01A", "u1", "0");
  sale.sql("SELECT onsale_record_orders('e', 1, '{01A}', '{u1}', '{\"A-1-1\"}', '{100}', '{KRW}', '{pay-01A}', '{5}')");
  REQUIRE(node.turns_until([&] { return sale.record("01A").starts_with("R;"); }));
  CHECK(sale.sql("SELECT count(*) FROM orders")[0][0] == "1");
  CHECK(sale.sql("SELECT count(*) FROM outbox")[0][0] == "1");
}

TEST_CASE("an adopted order whose seat PostgreSQL gave away is rejected, refunded, and its other seat is free") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.sql("SELECT onsale_record_orders('e', 1, '{01Z}', '{u9}', '{\"A-1-1\"}', '{100}', '{KRW}', '{pay-01Z}', '{5}')");
  sale.buy("01A", "u1", "0,1");
  REQUIRE(node.turns_until([&] { return sale.record("01A").starts_with("J;"); }));
  CHECK(sale.record("01A").find(";seat_taken;") != std::string::npos);
  CHECK(sale.seats().substr(0, 3) == "x..");
  CHECK(sale.sql("SELECT state, refund_required FROM orders WHERE id = '01A'")[0] ==
        std::vector<std::string>{"rejected", "t"});
}

TEST_CASE("a refused payment ends as a refund though its node died") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  REQUIRE(sale.hold("01A", "u1", "0") == "ok");
  REQUIRE(sale.script("confirm", {"01A", "u1", "pay;1", "99", "KRW", "1", "", "", "", "0"}) == "amount_mismatch");
  REQUIRE(node.turns_until([&] { return sale.redis_number({"ZCARD", "{e}:unrecorded"}) == 0; }));
  CHECK(sale.sql("SELECT reference, decision, amount, refund_required FROM payments") ==
        fixtures::PostgresServer::Rows{{"pay;1", "amount_mismatch", "99", "t"}});
  CHECK(sale.sql("SELECT type FROM outbox")[0][0] == "refund.required");
}

TEST_CASE("what cannot be read is put off and does not hold up the others") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  (void)sale.redis_number({"ZADD", "{e}:unrecorded", "1", "01BAD"});
  (void)sale.redis_text({"HSET", "{e}:hold", "01BAD", "garbage"});
  sale.buy("01A", "u1", "0");
  REQUIRE(node.turns_until([&] { return sale.record("01A").starts_with("R;"); }));
  CHECK(sale.redis_number({"ZCARD", "{e}:unrecorded"}) == 1);
  CHECK(node.keeper.status()->find("e")->healthy);
}

namespace {

persist::Order order_a(int64_t epoch) {
  persist::Order order;
  order.event = "e", order.epoch = epoch, order.order = "01A", order.user = "u1";
  order.seats = {"A-1-1", "A-1-2"};
  order.amount = 100, order.currency = "KRW", order.reference = "pay-01A", order.decided_at_ms = 5;
  return order;
}

}  // namespace

TEST_CASE("an order refused for its epoch that Redis lost is paid back, and its state tells") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  (void)sale.redis_text({"FLUSHALL"});
  node.keeper.report_stale(order_a(1));
  REQUIRE(node.turns_until([&] { return !sale.record("01A").empty(); }));
  CHECK(sale.record("01A").starts_with("J;u1;"));
  CHECK(sale.seats() == std::string(15, '.'));
  CHECK(sale.sql("SELECT state, reason, refund_required, epoch FROM orders")[0] ==
        std::vector<std::string>{"rejected", "lost_by_redis", "t", "2"});
  CHECK(sale.sql("SELECT count(*) FROM outbox WHERE type = 'refund.required'")[0][0] == "1");
  CHECK(sale.confirm("01A", "u1", "pay-01A") == "order_rejected");
  CHECK(node.keeper.status()->lost == 1);
}

TEST_CASE("an order refused for its epoch that Redis still has becomes an order") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy("01A", "u1", "0,1");
  (void)sale.redis_text({"HSET", "{e}:meta", "replid", "another"});
  node.keeper.report_stale(order_a(1));
  REQUIRE(node.turns_until([&] { return sale.record("01A").starts_with("R;"); }));
  CHECK(sale.sql("SELECT state, epoch FROM orders") == fixtures::PostgresServer::Rows{{"confirmed", "2"}});
  CHECK(node.keeper.status()->lost == 0);
}

TEST_CASE("an order refused for its epoch that PostgreSQL has after all is not paid back") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  sale.buy_recorded(node, "01A", "u1", "0,1");
  (void)sale.redis_text({"FLUSHALL"});
  node.keeper.report_stale(order_a(1));
  REQUIRE(node.reaches("e", EventState::open));
  node.keeper.tick();
  CHECK(sale.sql("SELECT state FROM orders") == fixtures::PostgresServer::Rows{{"confirmed"}});
  CHECK(sale.sql("SELECT count(*) FROM outbox WHERE type = 'refund.required'")[0][0] == "0");
  CHECK(sale.record("01A").starts_with("R;"));
}

TEST_CASE("a refused payment that PostgreSQL turned away for its epoch is refunded all the same") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  (void)sale.redis_text({"FLUSHALL"});
  node.keeper.report_stale(persist::Refusal{"e", 1, "pay-9", "01Y", "u1", 77, "KRW", "hold_expired", 5});
  REQUIRE(node.turns_until([&] { return sale.sql("SELECT count(*) FROM payments")[0][0] == "1"; }));
  CHECK(sale.sql("SELECT decision, refund_required FROM payments")[0] == std::vector<std::string>{"hold_expired", "t"});
}

TEST_CASE("the writers' word about a stale epoch reaches the keeper") {
  Sale sale;
  Node node{sale.dsn, sale.redis};
  sale.open(node);
  (void)sale.redis_text({"FLUSHALL"});
  REQUIRE(node.reaches("e", EventState::open));
  persist::WriterPool pool{{.dsn = sale.dsn,
                            .writers = 1,
                            .stale_order = [&](const persist::Order& order) { node.keeper.report_stale(order); },
                            .stale_refusal = {}},
                           node.log};
  REQUIRE(pool.start().problem == "");
  int answers = 0;
  const auto count = [](void* context, const persist::Recorded*, core::Error) noexcept {
    ++*static_cast<int*>(context);
  };
  REQUIRE(pool.port(0).submit(std::make_unique<persist::Order>(order_a(1)), {count, &answers}) == core::Error::none);
  REQUIRE(fixtures::eventually([&] { return pool.port(0).deliver(), answers == 1; }));
  REQUIRE(node.turns_until([&] { return node.keeper.status()->lost == 1; }));
  pool.stop();
}
