// One run from beginning to end: put on sale, let the crowd loose, wait for the stores, judge, report.
// Thread: the caller's, which becomes the crowd's only thread.
#pragma once
#include "perf/crowd/options.hpp"

namespace crowd {

inline constexpr int exit_held = 0;        // every invariant held
inline constexpr int exit_broken = 1;      // an invariant broke
inline constexpr int exit_incomplete = 2;  // the run could not be made, judged or ended

int run(const Options& options);

}  // namespace crowd
