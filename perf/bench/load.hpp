// One run of the load: threads, the moments they agree on, and their tallies added up. Thread: the caller's; it starts
// the lanes' threads and has joined them when it returns.
#pragma once
#include <cstdint>
#include <functional>

#include "core/error.hpp"
#include "perf/bench/load_options.hpp"
#include "perf/bench/supply.hpp"
#include "perf/bench/tally.hpp"

namespace bench {

struct LoadResult {
  Tally tally;
  double seconds;  // that were measured: less than asked for when the supply or somebody's patience ended earlier
};

// Asked ten times a second; false ends the run early, with a report. `answered`: so far, warming up included.
using Watch = std::function<bool(uint64_t answered)>;

core::Checked<Supply> make_supply(const LoadOptions& options);
core::Checked<LoadResult> run_load(const LoadOptions& options, const Supply& supply, const Watch& watch);

}  // namespace bench
