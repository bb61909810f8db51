// The event the crowd buys: sections with rows of numbered seats and one standing section "GA", and the pace of its
// line. Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>
#include <string>

#include "perf/crowd/options.hpp"

namespace crowd {

inline constexpr uint32_t seats_per_user = 4;
inline constexpr int64_t hold_ttl_s = 5;     // short, so that the seats of those who walk away come back within the run
inline constexpr int64_t line_reform_s = 8;  // after a loss of Redis; longer than 5 s, the polite poll of thousands

// How long an admission lasts: longer than the server asks a crowd of this size to stay away between two polls.
int64_t active_ttl_s(uint32_t buyers);

// The body of PUT /admin/v1/events/{event}. The event opens by hand; `now_ms` only dates it.
std::string render_definition(const Options& options, int64_t now_ms);

}  // namespace crowd
