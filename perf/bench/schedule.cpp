#include "perf/bench/schedule.hpp"

#include "core/assert.hpp"

namespace bench {

ArrivalTimes::ArrivalTimes(Arrivals kind, double per_second, uint64_t seed, int64_t begin_ns)
    : kind_{kind}, mean_ns_{1e9 / per_second}, begin_ns_{begin_ns}, random_{seed} {
  if (kind_ == Arrivals::poisson) advance();  // the first is as random as the others
}

void ArrivalTimes::advance() {
  offset_ns_ += kind_ == Arrivals::constant ? mean_ns_ : mean_ns_ * std::exponential_distribution<double>{}(random_);
}

void Schedule::catch_up(int64_t now_ns) {
  while (due_.next_ns() <= now_ns) {
    due_.advance();
    ++due_count_;
  }
}

int64_t Schedule::take() {
  ONSALE_ASSERT(waiting() > 0);
  const auto due_ns = taken_.next_ns();
  taken_.advance();
  ++taken_count_;
  return due_ns;
}

}  // namespace bench
