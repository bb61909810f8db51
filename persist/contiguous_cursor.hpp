// How far everything has arrived, when arrivals are reported in any order.
//
//   sent        41 42 43 44 45
//   arrived      x  x  .  x  .      position() == 42: what may be forgotten
//
// Ownership: value. Thread: one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>

#include "core/assert.hpp"

namespace persist {

class ContiguousCursor {
 public:
  // Forgets what was sent; all up to `position` has arrived.
  void restart(int64_t position) {
    flights_.clear();
    position_ = position;
  }
  // Larger than all sent before.
  void sent(int64_t seq) {
    ONSALE_ASSERT(seq > newest());
    flights_.push_back({seq, false});
  }
  // What is not in flight (any more) is not an error: reports of before a restart come late.
  void arrived(int64_t seq) {
    auto found = std::lower_bound(flights_.begin(), flights_.end(), seq,
                                  [](const Flight& flight, int64_t wanted) { return flight.seq < wanted; });
    if (found == flights_.end() || found->seq != seq) return;
    found->arrived = true;
    for (; !flights_.empty() && flights_.front().arrived; flights_.pop_front()) position_ = flights_.front().seq;
  }
  int64_t position() const { return position_; }
  int64_t newest() const { return flights_.empty() ? position_ : flights_.back().seq; }  // sent
  std::size_t in_flight() const { return flights_.size(); }  // from the first that has not arrived on

 private:
  struct Flight {
    int64_t seq;
    bool arrived;
  };
  std::deque<Flight> flights_;
  int64_t position_ = 0;
};

}  // namespace persist
