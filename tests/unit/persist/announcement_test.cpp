#include "persist/announcement.hpp"

#include <doctest/doctest.h>

using persist::announcement_of;

TEST_CASE("Announcement: a confirmed order is keyed by order and says what was bought") {
  const persist::OutboxRow row{.id = "01A:order.confirmed",
                               .type = "order.confirmed",
                               .order = "01A",
                               .event = "gala",
                               .user = "u-1",
                               .seats = {"A-1-3", "A-1-4"},
                               .amount = 30800,
                               .currency = "KRW",
                               .reference = "pay_1",
                               .reason = "",
                               .at_ms = 1'795'168'800'123};
  const auto message = announcement_of(row);
  CHECK(message.topic == "onsale.orders");
  CHECK(message.key == "01A");
  CHECK(message.id == "01A:order.confirmed");
  CHECK(message.type == "order.confirmed");
  CHECK(message.source == "/onsale/events/gala");
  CHECK(message.at_ms == 1'795'168'800'123);
  CHECK(message.data == R"({"event":"gala","order":"01A","user":"u-1","seats":["A-1-3","A-1-4"],"amount":30800,)"
                        R"("currency":"KRW","reference":"pay_1","at":"2026-11-20T10:00:00.123Z"})");
}

TEST_CASE("Announcement: a rejected order says why and whether the money goes back") {
  const persist::OutboxRow row{.id = "01A:order.rejected",
                               .type = "order.rejected",
                               .order = "01A",
                               .event = "gala",
                               .user = "u-1",
                               .seats = {"A-1-3"},
                               .amount = 5,
                               .currency = "KRW",
                               .reference = "pay \"1\"",
                               .reason = "seat_taken",
                               .refund_required = true,
                               .at_ms = 0};
  CHECK(announcement_of(row).data ==
        R"({"event":"gala","order":"01A","user":"u-1","seats":["A-1-3"],"amount":5,"currency":"KRW",)"
        R"("reference":"pay \u00221\u0022","reason":"seat_taken","refund_required":true,)"
        R"("at":"1970-01-01T00:00:00.000Z"})");
}

TEST_CASE("Announcement: what happens to seats is keyed by hold and carries its seq") {
  const persist::LogEntry entry{.seq = (int64_t{3} << 32) + 7,
                                .type = "seats.held",
                                .hold = "01H",
                                .user = "u-1",
                                .seats = {"A-1-3"},
                                .at_ms = 0,
                                .detail = ""};
  const auto message = announcement_of("gala", entry);
  CHECK(message.topic == "onsale.inventory");
  CHECK(message.key == "01H");
  CHECK(message.id == "gala:12884901895");
  CHECK(message.data == R"({"event":"gala","seq":12884901895,"hold":"01H","user":"u-1","seats":["A-1-3"],)"
                        R"("at":"1970-01-01T00:00:00.000Z"})");
}

TEST_CASE("Announcement: what happens to the line is keyed by event; counts are numbers, states words") {
  auto of = [](const char* type, const char* detail) {
    persist::LogEntry entry;
    entry.seq = 1, entry.type = type, entry.detail = detail;
    return announcement_of("gala", entry);
  };
  CHECK(of("line.admitted", "64").topic == "onsale.line");
  CHECK(of("line.admitted", "64").key == "gala");
  CHECK(of("line.admitted", "64").data.find(R"("count":64,)") != std::string::npos);
  CHECK(of("event.reconciled", "2").data.find(R"("epoch":2,)") != std::string::npos);
  CHECK(of("event.state_changed", "open").data.find(R"("state":"open",)") != std::string::npos);
  CHECK(of("line.admitted", "6x").data.find(R"("detail":"6x")") != std::string::npos);
}
