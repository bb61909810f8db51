#include "seat/desk.hpp"

#include <array>

namespace seat {
namespace {

using net::resp::View;
using queue::Json;

constexpr std::string_view no_store = "Cache-Control: no-store\r\n";
constexpr std::string_view replayed_header = "Idempotency-Replayed: true\r\n";

void write_seats(Json& json, const core::Event& event, std::span<const uint32_t> seats) {
  core::FixedText<core::limits::seat_bytes_max> id;
  json.key("seats").begin_array();
  for (const auto seat : seats) {
    if (seat >= event.seat_count) continue;  // of a damaged record
    id.clear();
    event.append_seat_id(id, seat);
    json.text(id.view());
  }
  json.end_array();
}

std::string_view hold_state(const HoldRecord& record, int64_t now_ms) {
  switch (record.state) {
    case 'H':
      return record.deadline_ms > now_ms ? "held" : "expired";
    case 'P':
      return "paying";
    case 'C':
    case 'R':
      return "confirmed";
    case 'E':
      return "expired";
    default:
      return "released";
  }
}

void write_hold(Json& json, std::string_view id, const HoldRecord& record, int64_t now_ms, const core::Event& event) {
  json.member("hold", id).member("state", hold_state(record, now_ms));
  write_seats(json, event, record.seats);
  json.member("amount", record.amount).member("currency", event.currency);
  json.key("expires_at");
  if (record.deadline_ms > 0) {
    json.instant(record.deadline_ms);
  } else {
    json.null();  // an order that was rebuilt from PostgreSQL, which does not know it
  }
  json.member("extensions_left", record.extensions_left);
}

bool is_order(const HoldRecord& record) {
  return std::string_view{"CRJX"}.find(record.state) != std::string_view::npos;
}

std::string_view order_state(char state) {
  switch (state) {
    case 'C':
      return "pending";
    case 'R':
      return "confirmed";
    case 'J':
      return "rejected";
    default:
      return "cancelled";
  }
}

void write_order(Json& json, std::string_view id, const HoldRecord& record, const core::Event& event) {
  json.member("order", id).member("state", order_state(record.state));
  json.member("durable", record.state == 'C' ? "redis" : "postgres");
  write_seats(json, event, record.seats);
  json.member("amount", record.amount).member("currency", event.currency);
  if (record.state == 'J') {
    json.member("reason", record.reason).member("refund_required", record.reason != "already_paid");
  }
}

}  // namespace

Desk::Desk(net::Loop& loop, queue::EventTable& events, queue::Desk& line, Recordings& recordings,
           core::UlidGenerator& ids, Settings settings)
    : loop_{loop}, events_{events}, line_{line}, recordings_{recordings}, ids_{ids}, settings_{settings} {}

IdempotencyKey Desk::key_of(net::Exchange& x, std::string_view user) {
  if (x.header_count("idempotency-key") == 0) return {};
  const auto text = x.header("idempotency-key");
  if (text.empty() || x.header_count("idempotency-key") > 1)
    return {.malformed = true, .digest = {}, .fingerprint = {}};
  return idempotency_key(text, user, x.path(), x.body());
}

void Desk::respond_bad_key(net::Exchange& x) {
  net::problem(x, net::Code::bad_request, "Idempotency-Key must be there once, as 1 to 64 visible ASCII characters");
}

HeldAwait Desk::ask_hold(queue::LiveEvent& event, std::string_view user, const HoldRequest& request,
                         const IdempotencyKey& key) {
  const auto id = ids_.next(loop_.wall_ms());
  const core::Digits amount{request.amount};
  const std::array<std::string_view, 6> item{
      id.view(), user, request.wanted.view(), amount.view(), key.digest.view(), key.fingerprint.view()};
  return HeldAwait{[&](core::Continuation<View> sink) { return event.batch(queue::Decision::hold).add(item, sink); }};
}

core::Async Desk::hold(net::Exchange& x) {
  auto* event = line_.live_event_of(x);
  if (event == nullptr) co_return;
  const auto admission = queue::presented_admission(x, event->tokens(), event->id());
  if (!admission.found) co_return queue::respond_credential(x, admission.code);
  const auto key = key_of(x, admission.token.user());
  if (key.malformed) co_return respond_bad_key(x);
  const auto request = reader_.hold(x.body(), event->definition());
  if (request.bad()) co_return net::problem(x, request.code, request.problem);
  const auto earlier = line_.forgotten_admission(x, *event);
  if (earlier) (void)co_await line_.readmit(*event, *earlier);
  const auto held = co_await ask_hold(*event, admission.token.user(), request, key);
  if (!held) co_return line_.fail(x, held.error, held->verdict);
  respond_held(x, held.value, event->definition());
}

void Desk::respond_held(net::Exchange& x, const Held& held, const core::Event& event) {
  const auto headers = held.replayed ? replayed_header : std::string_view{};
  auto& body = x.scratch();
  Json json{body};
  if (held.verdict.ok()) {
    json.begin_object().member("hold", held.hold.view()).member("state", "held");
    write_seats(json, event, held.seats.seats());
    json.member("amount", held.amount).member("currency", event.currency);
    json.key("expires_at").instant(held.deadline_ms).member("extensions_left", held.extensions_left).end_object();
    return x.respond(held.own ? net::Status::ok : net::Status::created, body.view(), queue::json_type, headers);
  }
  if (held.verdict.kind == queue::Verdict::Kind::refused && held.verdict.code == net::Code::seat_taken) {
    members_.clear();  // not the scratch: the problem is written into that
    members_.append(",");
    Json members{members_};
    write_seats(members, event, held.seats.seats());
    return net::problem(x, net::Code::seat_taken, "Somebody else has some of these seats.", members_.view(), headers);
  }
  line_.fail(x, core::Error::none, held.verdict, headers);
}

Desk::Owned Desk::owned(net::Exchange& x) {
  auto* event = line_.live_event_of(x);
  if (event == nullptr) return {};
  const auto owner = queue::presented_owner(x, event->tokens(), event->id());
  if (!owner.found) {
    queue::respond_credential(x, owner.code);
    return {};
  }
  const auto id = x.param(1);
  if (!core::valid_ulid(id)) {
    net::problem(x, net::Code::bad_request, "The id of a hold or an order is a ULID: 26 characters of 0-9 A-Z.");
    return {};
  }
  return {event, HoldId{id}, queue::UserId{owner.token.user()}};
}

FoundAwait Desk::ask_about(const Owned& owned) {
  return FoundAwait{[&](core::Continuation<View> sink) {
    return owned.event->batch(queue::Decision::find).add(std::array{owned.id.view(), owned.user.view()}, sink);
  }};
}

FoundAwait Desk::ask_extend(const Owned& owned, const IdempotencyKey& key) {
  const std::array item{owned.id.view(), owned.user.view(), key.digest.view(), key.fingerprint.view()};
  return FoundAwait{
      [&](core::Continuation<View> sink) { return owned.event->batch(queue::Decision::extend).add(item, sink); }};
}

ReleasedAwait Desk::ask_release(const Owned& owned, const IdempotencyKey& key) {
  const std::array item{owned.id.view(), owned.user.view(), key.digest.view(), key.fingerprint.view()};
  return ReleasedAwait{
      [&](core::Continuation<View> sink) { return owned.event->batch(queue::Decision::release).add(item, sink); }};
}

MineAwait Desk::ask_mine(queue::LiveEvent& event, std::string_view user) {
  return MineAwait{
      [&](core::Continuation<View> sink) { return event.batch(queue::Decision::me).add(std::array{user}, sink); }};
}

void Desk::respond_hold(net::Exchange& x, const Found& found, std::string_view id, const core::Event& event) {
  auto& body = x.scratch();
  Json json{body};
  json.begin_object();
  write_hold(json, id, *found.record, found.now_ms, event);
  json.end_object();
  core::FixedText<128> headers{no_store};
  if (found.replayed) headers.append(replayed_header);
  x.respond(net::Status::ok, body.view(), queue::json_type, headers.view());
}

core::Async Desk::show_hold(net::Exchange& x) {
  const auto own = owned(x);
  if (!own) co_return;
  const auto found = co_await ask_about(own);
  if (!found || !found->verdict.ok()) co_return line_.fail(x, found.error, found->verdict);
  respond_hold(x, found.value, own.id.view(), own.event->definition());
}

core::Async Desk::extend(net::Exchange& x) {
  const auto own = owned(x);
  if (!own) co_return;
  const auto key = key_of(x, own.user.view());
  if (key.malformed) co_return respond_bad_key(x);
  const auto found = co_await ask_extend(own, key);
  if (!found || !found->verdict.ok()) co_return line_.fail(x, found.error, found->verdict);
  respond_hold(x, found.value, own.id.view(), own.event->definition());
}

core::Async Desk::release(net::Exchange& x) {
  const auto own = owned(x);
  if (!own) co_return;
  const auto key = key_of(x, own.user.view());
  if (key.malformed) co_return respond_bad_key(x);
  const auto released = co_await ask_release(own, key);
  if (!released || !released->verdict.ok()) co_return line_.fail(x, released.error, released->verdict);
  x.respond(net::Status::no_content, {}, {}, released->replayed ? replayed_header : std::string_view{});
}

core::Async Desk::order(net::Exchange& x) {
  const auto own = owned(x);
  if (!own) co_return;
  const auto found = co_await ask_about(own);
  const bool missing =
      found && (found->verdict.code == net::Code::hold_not_found || (found->record && !is_order(*found->record)));
  if (missing && !found->verdict.stale())
    co_return net::problem(x, net::Code::order_not_found, "This user has no such order.");
  if (!found || !found->verdict.ok()) co_return line_.fail(x, found.error, found->verdict);
  auto& body = x.scratch();
  Json json{body};
  json.begin_object();
  write_order(json, own.id.view(), *found->record, own.event->definition());
  json.end_object();
  x.respond(net::Status::ok, body.view(), queue::json_type, no_store);
}

core::Async Desk::me(net::Exchange& x) {
  auto* event = line_.live_event_of(x);
  if (event == nullptr) co_return;
  const auto owner = queue::presented_owner(x, event->tokens(), event->id());
  if (!owner.found) co_return queue::respond_credential(x, owner.code);
  const auto user = owner.token.user();
  const auto earlier = line_.forgotten_admission(x, *event);
  if (earlier) (void)co_await line_.readmit(*event, *earlier);
  const auto place = co_await line_.ask(*event, "poll", user, owner.token.number, owner.token.epoch);
  if (!place || !place->verdict.ok()) co_return line_.fail(x, place.error, place->verdict);
  const auto mine = co_await ask_mine(*event, user);
  if (!mine || !mine->verdict.ok()) co_return line_.fail(x, mine.error, mine->verdict);
  respond_me(x, place.value, mine.value, *event, user);
}

void Desk::respond_me(net::Exchange& x, const queue::Place& place, const Mine& mine, const queue::LiveEvent& event,
                      std::string_view user) {
  auto& body = x.scratch();
  Json json{body};
  json.begin_object().member("user", user).key("queue").begin_object();
  line_.write(json, place, event, user, loop_.wall_ms());
  json.end_object().key("holds").begin_array();
  for (const auto& [id, record] : mine.records) {
    if (is_order(record)) continue;
    json.begin_object();
    write_hold(json, id, record, mine.now_ms, event.definition());
    json.end_object();
  }
  json.end_array().key("orders").begin_array();
  for (const auto& [id, record] : mine.records) {
    if (!is_order(record)) continue;
    json.begin_object();
    write_order(json, id, record, event.definition());
    json.end_object();
  }
  json.end_array().end_object();
  x.respond(net::Status::ok, body.view(), queue::json_type, no_store);
}

}  // namespace seat
