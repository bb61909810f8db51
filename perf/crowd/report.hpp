// What a run found out, as a table for people and as JSON for programs.
// Ownership: refers to the run's parts while rendering. Thread: one.
#pragma once
#include <optional>
#include <string>

#include "core/error.hpp"
#include "perf/crowd/evidence.hpp"
#include "perf/crowd/sale.hpp"
#include "perf/crowd/verdict.hpp"

namespace crowd {

struct Report {
  const Sale& sale;
  const Verdict& verdict;
  const std::optional<KafkaEvidence>& kafka;
  double sale_s = 0;
  bool complete = true;  // every buyer came to an end, none was stopped by the time limit or left without an answer
};

std::string render_table(const Report& report);
std::string render_json(const Report& report);
core::Status write_file(const std::string& path, const std::string& content);

}  // namespace crowd
