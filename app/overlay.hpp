// What an event's state in Redis has to be after Redis may have lost or invented something: PostgreSQL's record laid
// over whatever survived. A pure function, so that every case can be tested without a server.
//
// - PostgreSQL's confirmed orders own their seats, whatever Redis thinks.
// - An order Redis has confirmed and PostgreSQL does not know yet stays unrecorded, also when somebody else owns one of
//   its seats: only PostgreSQL may reject it, because it writes the refund in the same transaction.
// - A hold survives unless a seat of it belongs to an order now; then it has expired (money that still arrives for it
//   finds the record and is decided on).
// - A seat that Redis calls recorded and PostgreSQL does not know is reported, never freed.
// - A user owns what the records say; what the user did in line and the admission survive.
// Laying over twice gives the same as once, so a rebuild that was cut may simply be started again.
// Ownership: values. Thread: any.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/event.hpp"
#include "persist/orders.hpp"
#include "seat/redis_records.hpp"

namespace app {

using seat::HoldRecord;
using seat::PaymentRecord;
using seat::UserRecord;

// What was found in Redis. Keys are ids as in Redis.
struct Survivors {
  std::map<std::string, HoldRecord> holds;
  std::map<std::string, UserRecord> users;
  std::map<std::string, int64_t> unrecorded;  // order id, or "p:" and a reference -> since when, in ms
  std::map<std::string, PaymentRecord> payments;
};

struct SaleState {
  std::string seats;                         // one character a seat
  std::map<std::string, HoldRecord> holds;   // all of them
  std::map<std::string, int64_t> deadlines;  // of those in state H
  std::map<std::string, UserRecord> users;   // all of them
  std::map<std::string, int64_t> unrecorded;
  std::map<std::string, PaymentRecord> payments;
  std::vector<std::string> done;  // users whose admission turns out to be used up
  int64_t available = 0, held = 0, sold = 0;
  std::vector<std::string> findings;  // what a person should know, in words
};

// `orders` are all that PostgreSQL has decided on, `payments` all it was told of.
SaleState overlay(const core::Event& event, std::span<const persist::OrderRow> orders,
                  std::span<const persist::PaymentRow> payments, Survivors survivors);

}  // namespace app
