// The clock and the processors, as measuring needs them. Thread: any; each call is about the thread that makes it.
#pragma once
#include <cstdint>
#include <string>

#include "core/error.hpp"

namespace bench {

inline constexpr int64_t second_ns = 1'000'000'000;

int64_t clock_ns();       // CLOCK_MONOTONIC
int64_t thread_cpu_ns();  // what this thread has used so far, kernel time included
core::Status pin_thread(uint32_t cpu);

}  // namespace bench
