#include "perf/crowd/statistics.hpp"

#include <algorithm>

namespace crowd {
namespace {

struct StepInfo {
  std::string_view name;
  std::string_view expected;  // codes that belong to the play at this step, with a space around each
};

// In the order of Step.
constexpr StepInfo step_infos[steps_count] = {
    {"join", " event_closed "},
    {"rejoin", " event_closed "},
    {"poll", ""},
    {"leave", ""},
    {"gate", ""},
    {"map", " admission_expired not_admitted "},
    {"early_hold", " not_admitted token_missing token_invalid "},
    {"hold", " seat_taken sold_out hold_limit admission_expired not_admitted event_closed "},
    {"hold_again", " seat_taken sold_out hold_limit admission_expired not_admitted event_closed "},
    {"hold_get", ""},
    {"peek", " hold_not_found "},
    {"extend", " extension_limit "},
    {"release", ""},
    {"confirm", " hold_expired "},
    {"confirm_again", " hold_expired "},
    {"order", ""},
    {"me", ""},
};

bool expected(Step step, std::string_view code) {
  std::string padded = " ";
  padded.append(code).append(" ");
  return step_infos[static_cast<std::size_t>(step)].expected.find(padded) != std::string_view::npos;
}

}  // namespace

std::string_view name(Step step) { return step_infos[static_cast<std::size_t>(step)].name; }

void Statistics::record(Step step, int status, std::string_view code, uint64_t took_us) {
  auto& count = steps_[static_cast<std::size_t>(step)];
  ++count.requests;
  ++requests_total_;
  if (status != 0) count.took.add(took_us);
  if (status != 0 && status < 400) return;
  std::string word{code.empty() ? "status_" + std::to_string(status) : std::string{code}};
  if (expected(step, code)) {
    ++outcomes_[word];
    return;
  }
  ++errors_[word];
  ++errors_by_step_[std::string{name(step)} + " " + word];
  ++errors_total_;
}

}  // namespace crowd
