#include "perf/bench/tally.hpp"

#include <algorithm>

#include "perf/bench/machine.hpp"

namespace bench {

namespace {

void add_up(Lost& sum, const Lost& other) {
  sum.connect += other.connect;
  sum.reset += other.reset;
  sum.protocol += other.protocol;
  sum.timeout += other.timeout;
}

void add_up(ConnectionCounts& sum, const ConnectionCounts& other) {
  sum.opened += other.opened;
  sum.refused += other.refused;
  sum.reset += other.reset;
  sum.closed += other.closed;
  sum.idle_closed += other.idle_closed;
}

}  // namespace

Tally::Tally(const StatusSet& expect, uint32_t seconds_max)
    : expect_{expect},
      expected_{std::make_unique<Latencies>()},
      refusals_{std::make_unique<Latencies>()},
      connects_{std::make_unique<Latencies>()},
      lateness_{std::make_unique<Latencies>()},
      timeline_(seconds_max) {}

void Tally::open_window(int64_t begin_ns, int64_t end_ns) {
  begin_ns_ = begin_ns;
  length_ns_ = end_ns - begin_ns;
  last_answer_ns_ = begin_ns;
}

void Tally::answered(int status, int64_t due_ns, int64_t now_ns) {
  if (!in_window(now_ns)) return;
  const auto latency_us = to_us(now_ns - due_ns);
  const auto slot = static_cast<std::size_t>(status);
  const bool expected = expect_[slot];
  ++requests_;
  ++statuses_[slot];
  last_answer_ns_ = now_ns;
  (expected ? expected_ : refusals_)->add(latency_us);
  auto& second = timeline_[static_cast<std::size_t>((now_ns - begin_ns_) / second_ns)];
  ++second.requests;
  if (!expected) return;
  ++second.expected;
  second.latencies.add(latency_us);
}

void Tally::handed_out(int64_t due_ns, int64_t now_ns) {
  if (in_window(now_ns)) lateness_->add(to_us(now_ns - due_ns));
}

void Tally::connected(int64_t took_ns) {
  ++connections.opened;
  connects_->add(to_us(took_ns));
}

void Tally::add(const Tally& other) {
  add_up(lost, other.lost);
  add_up(connections, other.connections);
  bytes_received_ += other.bytes_received_;
  backlog_max += other.backlog_max;
  unsent += other.unsent;
  unanswered += other.unanswered;
  cpu_ns += other.cpu_ns;
  requests_ += other.requests_;
  last_answer_ns_ = std::max(last_answer_ns_, other.last_answer_ns_);
  for (std::size_t at = 0; at < statuses_.size(); ++at) statuses_[at] += other.statuses_[at];
  expected_->add(*other.expected_);
  refusals_->add(*other.refusals_);
  connects_->add(*other.connects_);
  lateness_->add(*other.lateness_);
  for (std::size_t at = 0; at < timeline_.size(); ++at) {
    timeline_[at].requests += other.timeline_[at].requests;
    timeline_[at].expected += other.timeline_[at].expected;
    timeline_[at].latencies.add(other.timeline_[at].latencies);
  }
}

}  // namespace bench
