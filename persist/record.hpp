// Recording: what Redis decided becomes rows of PostgreSQL, which has the last word.
//
// A batch is one round trip and one transaction for each event in it: epoch checked, order, payment, seats and the
// announcement written together. Everything may be repeated: an order or payment that is recorded already answers what
// was recorded and changes nothing, so "connection lost, maybe done" is cured by doing it again.
// The usual batch has no surprise and goes in as a whole; any surprise (a duplicate, a seat or a payment that another
// order has) makes the batch go in order by order, where the first who wants a seat gets it and the others are rejected
// with their refund. A row that PostgreSQL cannot take is found by halving and put aside as a dead letter.
// Ownership: a Recorder owns its connection. Thread: one at a time; calls block.
#pragma once
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "persist/dead_letters.hpp"
#include "persist/postgres.hpp"

namespace persist {

struct Order {
  std::string event;
  int64_t epoch = 0;
  std::string order, user;          // the order has the id of its hold
  std::vector<std::string> seats;   // ids
  int64_t amount = 0;               // minor units
  std::string currency, reference;  // the reference of the payment: not empty
  int64_t decided_at_ms = 0;
};

// A reported payment that could not become an order.
struct Refusal {
  std::string event;
  int64_t epoch = 0;
  std::string reference, hold, user;
  int64_t amount = 0;
  std::string currency, decision;  // hold_expired, stale_fence, already_paid, amount_mismatch, order_rejected
  int64_t decided_at_ms = 0;
};

enum class Outcome : uint8_t {
  confirmed,
  rejected,     // for good; `reason` says why
  cancelled,    // was confirmed once
  refused,      // a Refusal is recorded; `reason` is the recorded decision ("order": this payment did make an order)
  stale_epoch,  // nothing was written: Redis must say again what it calls unrecorded
  unavailable,  // not recorded: no PostgreSQL before the end of the process, or `reason` is "dead_letter"
};
std::string_view name(Outcome outcome);

struct Recorded {
  Outcome outcome = Outcome::unavailable;
  std::string reason;                  // seat_taken, already_paid, lost_by_redis; for refusals the decision
  bool refund_required = false;        // this payment goes back
  std::vector<std::string> conflicts;  // seats of a rejected order that others own in PostgreSQL now
};

inline constexpr std::string_view reason_dead_letter = "dead_letter";

// Counters for the metrics; any thread may read them.
struct RecordFigures {
  std::atomic<uint64_t> recorded{0};      // orders and refusals that have an answer of PostgreSQL
  std::atomic<uint64_t> transactions{0};  // committed
  std::atomic<uint64_t> careful{0};       // batches that had to go in order by order
  std::atomic<uint64_t> rejected{0};
  std::atomic<uint64_t> stale{0};
  std::atomic<uint64_t> dead_letters{0};
};

// The index ranges of one transaction each: same event, same epoch, at most `most` of them, in the order they came.
template <class Row>
std::vector<std::vector<const Row*>> groups_of(std::span<const Row> rows, std::size_t most) {
  std::vector<std::vector<const Row*>> groups;
  for (const Row& row : rows) {
    auto fits = [&](const auto& group) {
      return group.size() < most && group.front()->event == row.event && group.front()->epoch == row.epoch;
    };
    auto found = groups.begin();
    while (found != groups.end() && !fits(*found)) ++found;
    if (found == groups.end()) found = groups.insert(groups.end(), std::vector<const Row*>{});
    found->push_back(&row);
  }
  return groups;
}

class Recorder {
 public:
  Recorder(Postgres::Settings settings, const core::Log& log) : postgres_{std::move(settings)}, log_{log} {}

  // One answer a row, in the same order. Errors: unavailable (nothing of what has no answer was written), closed (the
  // connection was lost: anything may have been written). After an error the whole call may be repeated as it is.
  // Connects when it is not connected.
  core::Result<std::vector<Recorded>> record(std::span<const Order> orders);
  core::Result<std::vector<Recorded>> record(std::span<const Refusal> refusals);
  // Records orders as rejected for `reason`, with their refunds; those that are recorded already stay what they are.
  core::Result<std::vector<Recorded>> reject(std::span<const Order> orders, std::string_view reason);

  const RecordFigures& figures() const { return figures_; }

 private:
  template <class Row>
  using Group = std::span<const Row* const>;

  template <class Row, class Write>
  core::Result<std::vector<Recorded>> each_group(std::span<const Row> rows, Write write);
  template <class Row, class Write>
  core::Error halve(Group<Row> group, std::span<Recorded> out, Write write, const SqlAnswer& why);
  core::Error write_orders(Group<Order> group, std::span<Recorded> out, std::string_view reason);
  core::Error write_refusals(Group<Refusal> group, std::span<Recorded> out);
  core::Error put_aside(const Order& order, std::string_view problem);
  core::Error put_aside(const Refusal& refusal, std::string_view problem);
  core::Error dead_letter(const DeadLetter& letter);
  core::Error ready();
  core::Error failed(const SqlAnswer& answer);
  void trouble(std::string_view problem);
  void take(const SqlAnswer& answer, std::span<Recorded> out);

  Postgres postgres_;
  const core::Log& log_;
  RecordFigures figures_;
  bool well_ = true;  // the last attempt got through, or there was none
};

}  // namespace persist
