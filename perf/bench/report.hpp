// What a run found, as JSON for programs and as a table for people. Thread: any.
#pragma once
#include <string>

#include "perf/bench/load.hpp"
#include "perf/bench/load_options.hpp"

namespace bench {

std::string json_report(const LoadOptions& options, const LoadResult& result);
std::string table_report(const LoadOptions& options, const LoadResult& result);

}  // namespace bench
