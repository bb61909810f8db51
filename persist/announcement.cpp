#include "persist/announcement.hpp"

#include <charconv>

#include "core/json_writer.hpp"

namespace persist {
namespace {

using Json = core::JsonWriter<std::string>;

std::string source_of(std::string_view event) { return "/onsale/events/" + std::string{event}; }

void write_texts(Json& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const auto& text : texts) json.text(text);
  json.end_array();
}

// Details are texts in the log; those that count something are numbers on Kafka.
void write_detail(Json& json, const LogEntry& entry) {
  if (entry.detail.empty()) return;
  if (entry.type == "event.state_changed") {
    json.member("state", entry.detail);
    return;
  }
  const std::string_view name = entry.type == "line.admitted"      ? "count"
                                : entry.type == "event.reconciled" ? "epoch"
                                                                   : "";
  int64_t number = 0;
  const char* end = entry.detail.data() + entry.detail.size();
  if (!name.empty() && std::from_chars(entry.detail.data(), end, number).ptr == end)
    json.member(name, number);
  else
    json.member("detail", entry.detail);
}

}  // namespace

Announcement announcement_of(const OutboxRow& row) {
  Announcement message{.topic = topic_orders,
                       .key = row.order,
                       .id = row.id,
                       .type = row.type,
                       .source = source_of(row.event),
                       .subject = row.order,
                       .at_ms = row.at_ms,
                       .data = {}};
  Json json{message.data};
  json.begin_object().member("event", row.event).member("order", row.order).member("user", row.user);
  if (!row.seats.empty()) write_texts(json, "seats", row.seats);
  json.member("amount", row.amount).member("currency", row.currency).member("reference", row.reference);
  if (!row.reason.empty()) json.member("reason", row.reason);
  if (row.type == "order.rejected") json.member("refund_required", row.refund_required);
  json.key("at").instant(row.at_ms).end_object();
  return message;
}

Announcement announcement_of(std::string_view event, const LogEntry& entry) {
  const bool of_line = entry.type.starts_with("event.") || entry.type.starts_with("line.");
  Announcement message{.topic = of_line ? topic_line : topic_inventory,
                       .key = of_line ? std::string{event} : entry.hold,
                       .id = std::string{event} + ":" + std::to_string(entry.seq),
                       .type = entry.type,
                       .source = source_of(event),
                       .subject = of_line ? std::string{event} : entry.hold,
                       .at_ms = entry.at_ms,
                       .data = {}};
  Json json{message.data};
  json.begin_object().member("event", event).member("seq", entry.seq);
  if (!entry.hold.empty()) json.member("hold", entry.hold);
  if (!entry.user.empty()) json.member("user", entry.user);
  if (!entry.seats.empty()) write_texts(json, "seats", entry.seats);
  write_detail(json, entry);
  json.key("at").instant(entry.at_ms).end_object();
  return message;
}

}  // namespace persist
