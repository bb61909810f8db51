// The seat routes: the catalogue, the map, holds, confirmations, orders, and what a user has.
//
// Redis decides, a desk reads and renders. Only confirm has more than one step: Redis makes the hold an order, the
// writers record it, and the answer says how far it had come: 201 recorded, 202 decided and kept in Redis.
// Ownership: one desk a core. Thread: the loop's.
#pragma once
#include <map>
#include <memory>

#include "core/async.hpp"
#include "queue/desk.hpp"
#include "seat/recordings.hpp"
#include "seat/replies.hpp"
#include "seat/requests.hpp"
#include "seat/seat_map.hpp"

namespace seat {

class Desk {
 public:
  struct Settings {
    int64_t confirm_ms_max = core::limits::confirm_ms_max;  // then 202, and the order's state tells
  };
  Desk(net::Loop& loop, queue::EventTable& events, queue::Desk& line, Recordings& recordings, core::UlidGenerator& ids,
       Settings settings);

  core::Async list_events(net::Exchange& x);
  core::Async show_event(net::Exchange& x);
  core::Async map(net::Exchange& x);
  core::Async hold(net::Exchange& x);
  core::Async show_hold(net::Exchange& x);
  core::Async extend(net::Exchange& x);
  core::Async release(net::Exchange& x);
  core::Async confirm(net::Exchange& x);
  core::Async order(net::Exchange& x);
  core::Async me(net::Exchange& x);
  // The core stops: from here on a confirmation answers what is known, instead of asking again until its deadline.
  void hurry() { hurried_ = true; }

 private:
  // What a request about one's own hold or order names; answers itself when something is missing.
  struct Owned {
    queue::LiveEvent* event = nullptr;
    HoldId id;
    queue::UserId user;
    explicit operator bool() const { return event != nullptr; }
  };
  Owned owned(net::Exchange& x);

  struct Payment {
    Owned owned;
    int64_t epoch = 0;  // the decision was asked for in this one; recorded in another it would not be Redis' any more
    ConfirmRequest request;
    IdempotencyKey key;
  };
  // The request's Idempotency-Key; none, one, or malformed (also when there are two).
  static IdempotencyKey key_of(net::Exchange& x, std::string_view user);
  static void respond_bad_key(net::Exchange& x);
  SeatMap& map_of(queue::LiveEvent& event);
  HeldAwait ask_hold(queue::LiveEvent& event, std::string_view user, const HoldRequest& request,
                     const IdempotencyKey& key);
  FoundAwait ask_about(const Owned& owned);
  FoundAwait ask_extend(const Owned& owned, const IdempotencyKey& key);
  ReleasedAwait ask_release(const Owned& owned, const IdempotencyKey& key);
  MineAwait ask_mine(queue::LiveEvent& event, std::string_view user);
  ConfirmedAwait ask_confirm(const Payment& payment);
  DecidedAwait record_order(const Payment& payment, const HoldRecord& record, int64_t wait_ms);
  DecidedAwait record_refusal(const Payment& payment, std::string_view decision, int64_t wait_ms);
  bool read_payment(net::Exchange& x, Payment& payment);

  void respond_held(net::Exchange& x, const Held& held, const core::Event& event);
  void respond_map(net::Exchange& x, SeatMap& map, std::optional<int64_t> since, std::string_view if_none_match);
  void respond_hold(net::Exchange& x, const Found& found, std::string_view id, const core::Event& event);
  void respond_order(net::Exchange& x, const HoldRecord& record, std::string_view id, const core::Event& event,
                     bool recorded, bool replayed);
  void respond_recorded(net::Exchange& x, const Payment& payment, const Confirmed& confirmed, bool recorded);
  void respond_refusal(net::Exchange& x, net::Code code, bool refund_required, bool replayed);
  void respond_me(net::Exchange& x, const queue::Place& place, const Mine& mine, const queue::LiveEvent& event,
                  std::string_view user);
  void write_event(queue::Json& json, queue::LiveEvent& event);

  net::Loop& loop_;
  queue::EventTable& events_;
  queue::Desk& line_;
  Recordings& recordings_;
  core::UlidGenerator& ids_;
  Settings settings_;
  bool hurried_ = false;
  RequestReader reader_;
  core::TextBuffer members_;  // of a problem that is being written
  std::map<queue::LiveEvent*, std::unique_ptr<SeatMap>> maps_;
};

}  // namespace seat
