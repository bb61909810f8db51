// What the seat scripts answer, as values that outlive the reply. Thread: the loop's.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/async.hpp"
#include "net/wire/resp.hpp"
#include "persist/record.hpp"
#include "queue/verdict.hpp"
#include "seat/redis_records.hpp"
#include "seat/requests.hpp"
#include "seat/seat_list.hpp"

namespace seat {

// hold.lua
struct Held {
  queue::Verdict verdict;  // ok, or why not
  bool own = false;        // the user had exactly this hold before
  bool replayed = false;   // the first answer to this Idempotency-Key
  HoldId hold;
  int64_t deadline_ms = 0, extensions_left = 0, amount = 0;
  SeatList seats;  // held; or, with seat_taken, those that were not free
  static core::Result<Held> decode(const net::resp::View& reply) noexcept;
};
using HeldAwait = core::Await<Held, net::resp::View>;

// find.lua and extend.lua
struct Found {
  queue::Verdict verdict;
  std::optional<HoldRecord> record;
  int64_t now_ms = 0;     // Redis' time: a deadline is judged by it
  bool replayed = false;  // an extension asked for again with its Idempotency-Key
  static core::Result<Found> decode(const net::resp::View& reply) noexcept;
};
using FoundAwait = core::Await<Found, net::resp::View>;

// release.lua
struct Released {
  queue::Verdict verdict;
  bool replayed = false;
  static core::Result<Released> decode(const net::resp::View& reply) noexcept;
};
using ReleasedAwait = core::Await<Released, net::resp::View>;

// me.lua
struct Mine {
  queue::Verdict verdict;
  int64_t now_ms = 0;
  std::vector<std::pair<std::string, HoldRecord>> records;
  static core::Result<Mine> decode(const net::resp::View& reply) noexcept;
};
using MineAwait = core::Await<Mine, net::resp::View>;

// confirm.lua
struct Confirmed {
  queue::Verdict verdict;  // ok: the hold is an order now, in record's state
  std::optional<HoldRecord> record;
  bool refund_required = false;  // of a refusal that is about money
  bool about_money = false;      // hold_expired, stale_fence, already_paid, amount_mismatch, order_rejected
  bool replayed = false;
  static core::Result<Confirmed> decode(const net::resp::View& reply) noexcept;
};
using ConfirmedAwait = core::Await<Confirmed, net::resp::View>;

// What PostgreSQL decided, or that it did not in time.
struct Decided {
  persist::Recorded recorded;
  static core::Result<Decided> decode(const persist::Recorded& recorded) noexcept { return {Decided{recorded}}; }
};
using DecidedAwait = core::Await<Decided, persist::Recorded>;

}  // namespace seat
