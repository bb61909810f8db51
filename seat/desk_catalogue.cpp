// What is on sale, and the seat map.

#include "net/wire/http_text.hpp"
#include "seat/desk.hpp"

namespace seat {
namespace {

std::string_view availability(uint32_t available, uint32_t seats) {
  if (available == 0) return "none";
  return available * 10 <= seats ? "few" : "many";
}

void write_instant(queue::Json& json, std::string_view name, std::optional<int64_t> instant_ms) {
  json.key(name);
  if (instant_ms) {
    json.instant(*instant_ms);
  } else {
    json.null();
  }
}

constexpr std::string_view catalogue_headers = "Cache-Control: public, max-age=1\r\n";

// If-None-Match compares weakly (RFC 9110 13.1.2): "*", or a list in which the tag stands, W/ in front or not. A proxy
// that compresses makes the tag weak.
bool names_tag(std::string_view if_none_match, std::string_view tag) {
  return if_none_match == "*" || if_none_match.find(tag) != std::string_view::npos;
}

// An event has a map in Redis from warm-up on.
bool has_redis_state(const core::Event& event) { return event.state != core::EventState::draft; }

}  // namespace

SeatMap& Desk::map_of(queue::LiveEvent& event) {
  auto& map = maps_[&event];
  if (!map) map = std::make_unique<SeatMap>(loop_, event);
  return *map;
}

void Desk::write_event(queue::Json& json, queue::LiveEvent& live) {
  const auto& event = live.definition();
  auto& map = map_of(live);
  json.begin_object().member("id", event.id).member("name", event.name).member("venue", event.venue);
  json.member("state", core::name(event.state));
  write_instant(json, "lobby_at", event.lobby_at_ms);
  write_instant(json, "opens_at", event.opens_at_ms);
  write_instant(json, "closes_at", event.closes_at_ms);
  json.key("sections").begin_array();
  for (const auto& section : event.sections) {
    json.begin_object().member("id", section.id).member("name", section.name).member("amount", section.amount);
    json.member("currency", event.currency).member("general", section.general);
    const bool known = map.has_map() || !has_redis_state(event);
    const auto available = map.has_map() ? map.available(section) : section.seats;
    if (known) json.member("availability", availability(available, section.seats));
    json.end_object();
  }
  json.end_array().end_object();
}

core::Async Desk::list_events(net::Exchange& x) {
  std::vector<queue::LiveEvent*> listed;
  events_.each([&](queue::LiveEvent& event) {
    if (event.definition().state != core::EventState::draft) listed.push_back(&event);
  });
  for (auto* event : listed)
    if (!map_of(*event).fresh()) (void)co_await map_of(*event).refresh();  // an old map is better than none
  auto& body = x.scratch();
  queue::Json json{body};
  json.begin_object().key("events").begin_array();
  for (auto* event : listed) write_event(json, *event);
  json.end_array().end_object();
  x.respond(net::Status::ok, body.view(), queue::json_type, catalogue_headers);
}

core::Async Desk::show_event(net::Exchange& x) {
  auto* event = line_.event_of(x);
  if (event == nullptr) co_return;
  if (has_redis_state(event->definition()) && !map_of(*event).fresh()) (void)co_await map_of(*event).refresh();
  auto& body = x.scratch();
  queue::Json json{body};
  write_event(json, *event);
  x.respond(net::Status::ok, body.view(), queue::json_type, catalogue_headers);
}

core::Async Desk::map(net::Exchange& x) {
  auto* event = line_.live_event_of(x);
  if (event == nullptr) co_return;
  const auto admission = queue::presented_admission(x, event->tokens(), event->id());
  if (!admission.found) co_return queue::respond_credential(x, admission.code);
  const auto text = x.query("since");
  const auto since = text ? net::http::parse_digits(*text) : std::nullopt;
  if (text && !since) co_return net::problem(x, net::Code::bad_request, "since must be the version of an earlier map");
  const core::FixedText<256> if_none_match{x.header("if-none-match").substr(0, 256)};
  auto& map = map_of(*event);
  if (!map.fresh()) {
    const auto answer = co_await map.refresh();
    if (!answer || !answer->verdict.ok()) co_return line_.fail(x, answer.error, answer->verdict);
  }
  respond_map(x, map, since, if_none_match.view());
}

void Desk::respond_map(net::Exchange& x, SeatMap& map, std::optional<int64_t> since, std::string_view if_none_match) {
  core::FixedText<32> tag{"\""};
  tag.append(core::Digits{map.version()}.view());
  tag.append("\"");
  core::FixedText<128> headers{"Cache-Control: private, no-cache\r\nETag: "};
  headers.append(tag.view());
  headers.append("\r\n");
  if (names_tag(if_none_match, tag.view())) return x.respond(net::Status::not_modified, {}, {}, headers.view());
  auto& body = x.scratch();
  if (since && map.changes_since(*since, body))
    return x.respond(net::Status::ok, body.view(), queue::json_type, headers.view());
  x.respond(net::Status::ok, map.json(), queue::json_type, headers.view());
}

}  // namespace seat
