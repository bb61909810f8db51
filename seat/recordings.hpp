// The way of an order from Redis' decision to PostgreSQL's, and back.
//
//   confirm.lua says C -> writer pool -> PostgreSQL commits -> recorded.lua: C becomes R (or J) -> the request is told
//
// A request waits at most until its deadline; the way goes on without it. If this process dies anywhere on it, the
// order is still in the event's unrecorded set, and whichever node finds it there takes the same way again: every step
// may be repeated.
// Ownership: belongs to a core and must outlive what is under way: the writer pool answers every order, then idle() is
// true. Thread: the loop's.
#pragma once
#include <list>
#include <memory>
#include <string>

#include "core/continuation.hpp"
#include "net/loop.hpp"
#include "net/timer.hpp"
#include "persist/writer_pool.hpp"
#include "queue/alarm.hpp"
#include "queue/live_event.hpp"

namespace seat {

// Who takes rows to PostgreSQL: a core's port of the writer pool, or a test. As in persist::Port, an error means that
// nothing happens; else the continuation is called exactly once, later.
struct RecordCarrier {
  core::Error (*order)(void* context, std::unique_ptr<persist::Order>, core::Continuation<persist::Recorded>);
  core::Error (*refusal)(void* context, std::unique_ptr<persist::Refusal>, core::Continuation<persist::Recorded>);
  void* context;
};

class Recordings {
 public:
  Recordings(net::Loop& loop, RecordCarrier carrier, queue::Alarm alarm);
  Recordings(net::Loop& loop, persist::Port& port, queue::Alarm alarm);
  ~Recordings();
  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;

  // `waiter` is told the outcome, or Error::timeout after `wait_ms`; exactly once, unless this returns an error.
  core::Error record(queue::LiveEvent& event, persist::Order order, int64_t wait_ms,
                     core::Continuation<persist::Recorded> waiter);
  core::Error record(queue::LiveEvent& event, persist::Refusal refusal, int64_t wait_ms,
                     core::Continuation<persist::Recorded> waiter);
  bool idle() const { return flights_.empty(); }
  std::size_t under_way() const { return flights_.size(); }

 private:
  class Flight;
  core::Error submit(persist::Order order, core::Continuation<persist::Recorded> decided);
  core::Error submit(persist::Refusal refusal, core::Continuation<persist::Recorded> decided);
  template <class Row>
  core::Error start(queue::LiveEvent& event, std::string member, Row row, int64_t wait_ms,
                    core::Continuation<persist::Recorded> waiter);
  void land(Flight& flight);

  net::Loop& loop_;
  RecordCarrier carrier_;
  queue::Alarm alarm_;
  std::list<Flight> flights_;
};

}  // namespace seat
