#include "queue/desk.hpp"

#include <array>

namespace queue {
namespace {

constexpr std::string_view no_store = "Cache-Control: no-store\r\n";
constexpr int64_t day_s = 24 * 60 * 60;

// A ticket outlives its sale by a day, so that a late buyer can still read an order.
int64_t ticket_expires_s(const core::Event& event, int64_t now_s) {
  if (event.closes_at_ms) return std::max(*event.closes_at_ms / 1000, now_s) + day_s;
  return std::max(event.opens_at_ms / 1000, now_s) + 7 * day_s;
}

using LeftAwait = core::Await<Acknowledged, net::resp::View>;

LeftAwait ask_to_leave(LiveEvent& event, std::string_view user) {
  return LeftAwait{[&](core::Continuation<net::resp::View> sink) {
    return event.batch(Decision::leave).add(std::array{user}, sink);
  }};
}

using Headers = core::FixedText<1024>;

void append_cookie(Headers& headers, std::string_view prefix, std::string_view event, std::string_view token) {
  headers.append("Set-Cookie: ");
  headers.append(prefix);
  headers.append(event);
  headers.append("=");
  headers.append(token);
  headers.append("; Path=/; HttpOnly; Secure; SameSite=Lax\r\n");
}

}  // namespace

core::Result<Acknowledged> Acknowledged::decode(const net::resp::View& reply) noexcept {
  const auto verdict = Verdict::read(reply);
  if (verdict.kind == Verdict::Kind::unknown) return {{}, core::Error::protocol};
  return {Acknowledged{verdict}};
}

Desk::Desk(EventTable& events, const net::RedisLink& link, const IdentitySettings& identity, Alarm alarm,
           core::UlidGenerator& ids, core::Random& random)
    : events_{events}, link_{link}, identity_{identity}, alarm_{alarm}, ids_{ids}, random_{random} {}

LiveEvent* Desk::event_of(net::Exchange& x) {
  const auto id = x.param(0);
  auto* event = core::valid_id(id) ? events_.find(id) : nullptr;
  if (event == nullptr) net::problem(x, net::Code::event_not_found, "There is no event of this id.");
  return event;
}

LiveEvent* Desk::live_event_of(net::Exchange& x) {
  auto* event = event_of(x);
  if (event == nullptr || event->definition().state != core::EventState::draft) return event;
  net::problem(x, net::Code::event_not_open, detail_of(net::Code::event_not_open));
  return nullptr;
}

void Desk::raise_if_stale(const Verdict& verdict) const {
  if (verdict.stale()) alarm_.raise();
}

void Desk::fail(net::Exchange& x, core::Error error, const Verdict& verdict, std::string_view more_headers) {
  if (error == core::Error::none) raise_if_stale(verdict);
  // Redis answers, but nobody has checked yet whether it still knows what it knew.
  const bool unchecked = error == core::Error::unavailable && link_.up() && !link_.ready();
  if (unchecked) return respond_failure(x, core::Error::none, Verdict::refused(net::Code::frozen), more_headers);
  respond_failure(x, error, verdict, more_headers);
}

std::optional<core::Token> Desk::forgotten_admission(net::Exchange& x, const LiveEvent& event) const {
  return earlier_admission(x, event.tokens(), event.id(), event.definition().epoch);
}

Desk::ReadmittedAwait Desk::readmit(LiveEvent& event, const core::Token& admission) {
  const core::Digits epoch{admission.epoch}, deadline_ms{admission.expires_s * 1000};
  return ReadmittedAwait{[&](core::Continuation<net::resp::View> sink) {
    const std::array item{admission.user(), epoch.view(), deadline_ms.view()};
    return event.batch(Decision::readmit).add(item, sink);
  }};
}

Desk::PlaceAwait Desk::ask(LiveEvent& event, std::string_view verb, std::string_view user, int64_t number,
                           int64_t epoch) {
  const core::Digits number_text{number}, epoch_text{epoch};
  return PlaceAwait{[&](core::Continuation<net::resp::View> sink) {
    return event.batch(Decision::place).add(std::array{verb, user, number_text.view(), epoch_text.view()}, sink);
  }};
}

std::string_view Desk::issue(const LiveEvent& event, core::TokenType type, std::string_view user, int64_t number,
                             int64_t now_s, int64_t expires_s) {
  core::Token token;
  token.type = type;
  token.epoch = event.definition().epoch;
  token.number = number;
  token.issued_s = now_s;
  token.expires_s = expires_s;
  token.set_user(user);
  char* text = type == core::TokenType::ticket ? ticket_text_ : admission_text_;
  return {text, event.tokens().issue(token, text)};
}

std::string_view Desk::write(Json& json, const Place& place, const LiveEvent& event, std::string_view user,
                             int64_t now_ms) {
  std::string_view admission;
  if (place.state == Place::State::admitted) {
    const auto expires_s = (place.deadline_ms + 999) / 1000;
    admission = issue(event, core::TokenType::admission, user, place.number, now_ms / 1000, expires_s);
  }
  write_place(json, place, event.definition(), admission, now_ms, random_.next_u32());
  return admission;
}

core::Async Desk::join(net::Exchange& x) {
  auto* event = live_event_of(x);
  if (event == nullptr) co_return;
  const auto caller = identify(x, event->tokens(), event->id(), identity_, ids_);
  if (!caller.known) co_return net::problem(x, caller.code, caller.detail);
  const auto earlier = forgotten_admission(x, *event);
  if (earlier) (void)co_await readmit(*event, *earlier);
  const auto place = co_await ask(*event, "join", caller.user.view(), caller.ticket_number, caller.ticket_epoch);
  if (!place || !place->verdict.ok()) co_return fail(x, place.error, place->verdict);
  respond_joined(x, place.value, *event, caller.user.view());
}

void Desk::respond_joined(net::Exchange& x, const Place& place, const LiveEvent& event, std::string_view user) {
  const auto now_ms = x.loop().wall_ms();
  const auto ticket = issue(event, core::TokenType::ticket, user, place.number, now_ms / 1000,
                            ticket_expires_s(event.definition(), now_ms / 1000));
  auto& body = x.scratch();
  Json json{body};
  json.begin_object().member("user", user).member("ticket", ticket);
  const auto admission = write(json, place, event, user, now_ms);
  json.end_object();
  Headers headers{no_store};
  append_cookie(headers, "onsale_ticket_", event.id(), ticket);
  // Somebody admitted who joins again, on another device say, would else be sent from the gate to the line for ever.
  if (!admission.empty()) append_cookie(headers, "onsale_admission_", event.id(), admission);
  x.respond(place.created ? net::Status::created : net::Status::ok, body.view(), queue::json_type, headers.view());
}

core::Async Desk::poll(net::Exchange& x) {
  auto* event = live_event_of(x);
  if (event == nullptr) co_return;
  const auto ticket = presented_ticket(x, event->tokens(), event->id());
  if (!ticket.found) co_return respond_credential(x, ticket.code);
  const UserId user{ticket.token.user()};
  const auto earlier = forgotten_admission(x, *event);
  if (earlier) (void)co_await readmit(*event, *earlier);
  const auto place = co_await ask(*event, "poll", user.view(), ticket.token.number, ticket.token.epoch);
  if (!place || !place->verdict.ok()) co_return fail(x, place.error, place->verdict);
  respond_polled(x, place.value, *event, user.view());
}

void Desk::respond_polled(net::Exchange& x, const Place& place, const LiveEvent& event, std::string_view user) {
  auto& body = x.scratch();
  Json json{body};
  json.begin_object();
  const auto admission = write(json, place, event, user, x.loop().wall_ms());
  json.end_object();
  Headers headers{no_store};
  if (!admission.empty()) append_cookie(headers, "onsale_admission_", event.id(), admission);
  x.respond(net::Status::ok, body.view(), queue::json_type, headers.view());
}

core::Async Desk::leave(net::Exchange& x) {
  auto* event = live_event_of(x);
  if (event == nullptr) co_return;
  const auto ticket = presented_ticket(x, event->tokens(), event->id());
  if (!ticket.found) co_return respond_credential(x, ticket.code);
  const auto left = co_await ask_to_leave(*event, ticket.token.user());
  if (!left || !left->verdict.ok()) co_return fail(x, left.error, left->verdict);
  x.respond(net::Status::no_content, {});
}

core::Async Desk::gate(net::Exchange& x) {
  auto* event = event_of(x);
  if (event == nullptr) return core::Async::finished();
  const auto admission = presented_admission(x, event->tokens(), event->id());
  if (!admission.found) {
    const bool expired = admission.code == net::Code::admission_expired;
    respond_credential(x, expired                                      ? net::Code::token_expired
                          : admission.code == net::Code::token_missing ? net::Code::token_missing
                                                                       : net::Code::token_invalid);
    return core::Async::finished();
  }
  core::FixedText<128> header{"Onsale-User: "};
  header.append(admission.token.user());
  header.append("\r\n");
  x.respond(net::Status::no_content, {}, {}, header.view());
  return core::Async::finished();
}

namespace {

// A path on this site: one leading slash, no backslash (browsers take "/\host" for another site), nothing that could
// end the header line.
bool own_path(std::string_view path) {
  if (path.size() > 1024 || !path.starts_with('/') || path.starts_with("//")) return false;
  for (const char c : path)
    if (c <= ' ' || c == '\\' || c >= 127) return false;
  return true;
}

template <class Out>
void append_percent_encoded(Out& out, std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~' || c == '/';
    const auto byte = static_cast<unsigned char>(c);
    const char escaped[] = {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    out.append(plain ? std::string_view{&c, 1} : std::string_view{escaped, 3});
  }
}

}  // namespace

core::Async Desk::gate_redirect(net::Exchange& x) {
  auto* event = event_of(x);
  if (event == nullptr) return core::Async::finished();
  const auto next = x.query("next").value_or("/");
  if (!own_path(next)) {
    net::problem(x, net::Code::bad_request, "next must be a path on this site, such as /shop?step=1");
    return core::Async::finished();
  }
  const auto admission = presented_admission(x, event->tokens(), event->id());
  core::FixedText<4096> header{"Cache-Control: no-store\r\nLocation: "};
  if (admission.found) {
    header.append(next);
  } else {
    header.append("/wait/");
    header.append(event->id());
    header.append("?next=");
    append_percent_encoded(header, next);
  }
  header.append("\r\n");
  x.respond(net::Status::found, {}, {}, header.view());
  return core::Async::finished();
}

}  // namespace queue
