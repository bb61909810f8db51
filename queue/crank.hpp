// Turns every sale on, twenty times a second: who is next is let in, what ran out ends.
//
// The decision is crank.lua's; any node may turn it, so there is no leader to lose, and a node that stops turning
// is made up for by the next turn of another. One core a process does it.
// Ownership: belongs to a core. Thread: the loop's.
#pragma once
#include "net/timer.hpp"
#include "queue/alarm.hpp"
#include "queue/live_event.hpp"

namespace queue {

// What all turns together did; read by the operations listener.
struct CrankMetrics {
  net::Counter admitted, expired_holds, expired_admissions;
  net::Counter skipped;  // turns not made because the one before was not answered yet
};

class Crank {
 public:
  static constexpr int64_t interval_ms = 50;
  static constexpr int64_t step_items_max = 512;  // of each kind in one call, so that Redis is not blocked for long

  Crank(net::Loop& loop, EventTable& events, Alarm alarm);
  void start();
  void stop() { timer_.stop(); }
  const CrankMetrics& metrics() const { return metrics_; }

 private:
  // Where the reply of one event's turn goes; lives as long as the event does.
  struct Turn {
    LiveEvent* event;
    Crank* crank;
    bool under_way = false;
  };
  void turn() noexcept;
  void turn_event(LiveEvent& event);
  static void done(void* context, const net::resp::View* reply, core::Error error) noexcept;
  void count(const net::resp::View& reply);

  net::Loop& loop_;
  EventTable& events_;
  Alarm alarm_;
  CrankMetrics metrics_;
  std::map<LiveEvent*, Turn> turns_;
  net::TimerOf<Crank, &Crank::turn> timer_{*this};
};

}  // namespace queue
