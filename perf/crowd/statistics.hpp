// What the crowd did, as numbers: per step its requests and latencies; per code how often it was answered, apart for
// codes that are part of the play (a seat that is gone) and codes that are not (errors).
// Ownership: plain values. Thread: the crowd's only thread; readable by others after the run.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "perf/histogram.hpp"

namespace crowd {

enum class Step : uint8_t {
  join,
  rejoin,
  poll,
  leave,
  gate,
  map,
  early_hold,
  hold,
  hold_again,
  hold_get,
  peek,
  extend,
  release,
  confirm,
  confirm_again,
  order,
  me,
};
inline constexpr std::size_t steps_count = 17;
std::string_view name(Step step);

struct StepCount {
  uint64_t requests = 0;    // sent, answered or not
  perf::Histogram<6> took;  // of the answered
};

class Statistics {
 public:
  // `code`: the problem's code, or empty. status 0: no answer, and `code` says why.
  void record(Step step, int status, std::string_view code, uint64_t took_us);

  const StepCount& at(Step step) const { return steps_[static_cast<std::size_t>(step)]; }
  const std::map<std::string, uint64_t>& errors() const { return errors_; }
  const std::map<std::string, uint64_t>& outcomes() const { return outcomes_; }
  const std::map<std::string, uint64_t>& errors_by_step() const { return errors_by_step_; }  // "hold overloaded"
  uint64_t errors_total() const { return errors_total_; }
  uint64_t requests_total() const { return requests_total_; }

 private:
  std::array<StepCount, steps_count> steps_;
  std::map<std::string, uint64_t> errors_, outcomes_, errors_by_step_;
  uint64_t errors_total_ = 0, requests_total_ = 0;
};

}  // namespace crowd
