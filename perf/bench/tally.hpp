// What one thread saw, and afterwards what all of them saw: answers by status, latencies, lost requests, and the same
// second by second. All memory is taken before the clock starts; counting an answer touches a few cache lines.
//
// Latencies and rates are of the measured window: answers that came before it (warming up) or after it are not counted.
// Errors and connections are of the whole run: a reset while warming up is no better than a later one.
// Ownership: owns its buckets. Thread: one at a time; threads' tallies are added up when they have ended.
#pragma once
#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "perf/histogram.hpp"

namespace bench {

inline constexpr int statuses_end = 600;
using StatusSet = std::bitset<statuses_end>;
using Latencies = perf::Histogram<10>;

// Requests that got no answer, and attempts to connect that failed.
struct Lost {
  uint64_t connect = 0;   // attempts
  uint64_t reset = 0;     // the connection ended under the request
  uint64_t protocol = 0;  // what came was no answer
  uint64_t timeout = 0;
};

struct ConnectionCounts {
  uint64_t opened = 0, refused = 0;
  uint64_t reset = 0;        // by the peer, with or without a request under way
  uint64_t closed = 0;       // by the peer, in order, with nothing under way
  uint64_t idle_closed = 0;  // of those that never ask
};

struct Second {
  uint64_t requests = 0, expected = 0;
  perf::Histogram<6> latencies;  // of the expected
};

class Tally {
 public:
  // `expect`: the statuses that count as success.
  Tally(const StatusSet& expect, uint32_t seconds_max);

  void open_window(int64_t begin_ns, int64_t end_ns);
  void answered(int status, int64_t due_ns, int64_t now_ns);
  void connected(int64_t took_ns);
  void received(std::size_t bytes, int64_t now_ns) { bytes_received_ += in_window(now_ns) ? bytes : 0; }
  void handed_out(int64_t due_ns, int64_t now_ns);  // open loop: a request found a connection
  void add(const Tally& other);

  uint64_t requests() const { return requests_; }
  uint64_t bytes_received() const { return bytes_received_; }
  int64_t last_answer_ns() const { return last_answer_ns_; }
  const std::array<uint64_t, statuses_end>& statuses() const { return statuses_; }
  const Latencies& expected() const { return *expected_; }
  const Latencies& refusals() const { return *refusals_; }
  const Latencies& connects() const { return *connects_; }
  const Latencies& lateness() const { return *lateness_; }  // from when a request was due to when it was handed out
  const std::vector<Second>& timeline() const { return timeline_; }

  Lost lost;
  ConnectionCounts connections;
  uint64_t backlog_max = 0;  // open loop: most requests that were due and found no connection free
  uint64_t unsent = 0;       // open loop: of them, at the end
  uint64_t unanswered = 0;   // sent, and without an answer at the end
  int64_t cpu_ns = 0;        // of the thread, in the window

 private:
  bool in_window(int64_t now_ns) const { return now_ns >= begin_ns_ && now_ns - begin_ns_ < length_ns_; }
  static uint64_t to_us(int64_t ns) { return ns > 0 ? static_cast<uint64_t>(ns) / 1000 : 0; }

  StatusSet expect_;
  int64_t begin_ns_ = 0, length_ns_ = 0, last_answer_ns_ = 0;
  uint64_t requests_ = 0, bytes_received_ = 0;
  std::array<uint64_t, statuses_end> statuses_{};
  std::unique_ptr<Latencies> expected_, refusals_, connects_, lateness_;
  std::vector<Second> timeline_;
};

}  // namespace bench
