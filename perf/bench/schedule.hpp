// Open loop: when requests are due, whatever the server does. A request that finds every connection busy waits, and
// its latency counts from the instant it was due: a server that stalls is not asked less because it stalls.
//
//   due:   |  |  |  |  |  |  |  |        taken: how many were handed to a connection
//          taken ──────┘     └────── due by now; what lies between waits
//
// Ownership: value. Thread: one.
#pragma once
#include <cstdint>
#include <random>

namespace bench {

enum class Arrivals : uint8_t { constant, poisson };

// An endless ascending row of instants.
class ArrivalTimes {
 public:
  ArrivalTimes(Arrivals kind, double per_second, uint64_t seed, int64_t begin_ns);
  int64_t next_ns() const { return begin_ns_ + static_cast<int64_t>(offset_ns_); }
  void advance();

 private:
  Arrivals kind_;
  double mean_ns_;
  int64_t begin_ns_;
  double offset_ns_ = 0;
  std::mt19937_64 random_;
};

class Schedule {
 public:
  explicit Schedule(const ArrivalTimes& times) : taken_{times}, due_{times} {}

  // Looks at the clock; then waiting() says how many requests are due and not taken.
  void catch_up(int64_t now_ns);
  uint64_t waiting() const { return due_count_ - taken_count_; }
  int64_t next_ns() const { return due_.next_ns(); }  // when the first that is not due yet will be
  int64_t take();                                     // when the oldest that waits was due

 private:
  ArrivalTimes taken_, due_;  // the same row, read twice
  uint64_t taken_count_ = 0, due_count_ = 0;
};

}  // namespace bench
