#include "perf/bench/machine.hpp"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace bench {

namespace {

int64_t read_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * second_ns + now.tv_nsec;
}

}  // namespace

int64_t clock_ns() { return read_ns(CLOCK_MONOTONIC); }
int64_t thread_cpu_ns() { return read_ns(CLOCK_THREAD_CPUTIME_ID); }

core::Status pin_thread(uint32_t cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &only);
  if (::sched_setaffinity(0, sizeof only, &only) == 0) return {};
  return {"--cpu " + std::to_string(cpu) + ": " + std::strerror(errno) +
          "; `nproc` says how many processors there are"};
}

}  // namespace bench
