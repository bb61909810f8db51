// The line's routes: join, poll, leave, and the gate for a reverse proxy.
//
// Every decision is Redis' (place.lua, leave.lua); a desk reads the request, asks, and renders the answer. What it
// signs it can check without a look-up: the ticket holds the place, the admission the right to see and hold seats.
// Ownership: one desk a core. Thread: the loop's.
#pragma once
#include <string_view>

#include "core/async.hpp"
#include "core/random.hpp"
#include "queue/alarm.hpp"
#include "queue/credentials.hpp"
#include "queue/live_event.hpp"
#include "queue/place.hpp"

namespace queue {

// A script's answer of which only the verdict matters.
struct Acknowledged {
  Verdict verdict;
  static core::Result<Acknowledged> decode(const net::resp::View& reply) noexcept;
};

class Desk {
 public:
  Desk(EventTable& events, const net::RedisLink& link, const IdentitySettings& identity, Alarm alarm,
       core::UlidGenerator& ids, core::Random& random);

  core::Async join(net::Exchange& x);
  core::Async poll(net::Exchange& x);
  core::Async leave(net::Exchange& x);
  core::Async gate(net::Exchange& x);           // 204 or 401, for auth_request and its kin
  core::Async gate_redirect(net::Exchange& x);  // 302 onwards, or to the waiting page

  using PlaceAwait = core::Await<Place, net::resp::View>;
  // What a user's place is; `verb` is "join" or "poll". Number and epoch of the user's ticket, 0 without one.
  PlaceAwait ask(LiveEvent& event, std::string_view verb, std::string_view user, int64_t number, int64_t epoch);
  // What a request shows that Redis may have forgotten in a rebuild; and the call that makes it count again.
  std::optional<core::Token> forgotten_admission(net::Exchange& x, const LiveEvent& event) const;
  using ReadmittedAwait = core::Await<Acknowledged, net::resp::View>;
  ReadmittedAwait readmit(LiveEvent& event, const core::Token& admission);
  // The members of a poll's answer. Returns the fresh admission of an admitted user, else nothing.
  std::string_view write(Json& json, const Place& place, const LiveEvent& event, std::string_view user, int64_t now_ms);
  // The event the request names; answers 404 itself when there is none.
  LiveEvent* event_of(net::Exchange& x);
  // The same for calls that need its line or its seats: a draft has neither, and is answered 409 here.
  LiveEvent* live_event_of(net::Exchange& x);
  // Answers what went wrong with a script's call, and raises the alarm when the epoch had changed.
  void fail(net::Exchange& x, core::Error error, const Verdict& verdict, std::string_view more_headers = {});
  void raise_if_stale(const Verdict& verdict) const;

 private:
  void respond_joined(net::Exchange& x, const Place& place, const LiveEvent& event, std::string_view user);
  void respond_polled(net::Exchange& x, const Place& place, const LiveEvent& event, std::string_view user);
  std::string_view issue(const LiveEvent& event, core::TokenType type, std::string_view user, int64_t number,
                         int64_t now_s, int64_t expires_s);

  EventTable& events_;
  const net::RedisLink& link_;
  const IdentitySettings& identity_;
  Alarm alarm_;
  core::UlidGenerator& ids_;
  core::Random& random_;
  char ticket_text_[core::limits::token_bytes_max];
  char admission_text_[core::limits::token_bytes_max];
};

}  // namespace queue
