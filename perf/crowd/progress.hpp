// The line that shows a sale live: rewritten in place on a terminal, a new one every two seconds elsewhere.
// Ownership: refers to its Sale. Thread: the crowd's only thread.
#pragma once
#include <string>

#include "perf/crowd/sale.hpp"

namespace crowd {

std::string render_progress(const Sale& sale);

// Shows progress until every buyer has finished.
Task<> show_progress(const Sale& sale);

}  // namespace crowd
