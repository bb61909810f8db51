// onsale-bare: the limit of the ring code, as a server. See --help.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "perf/bench/bare.hpp"

namespace {

int fail(const std::string& problem, int status) {
  fmt::print(stderr, "onsale-bare: {}\n", problem);
  if (status == 2) fmt::print(stderr, "Try `onsale-bare --help`.\n");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::read_bare_options({argv + 1, argv + argc});
  if (!options) return fail(options.problem, 2);
  if (options.value->help_wanted) {
    fmt::print("{}", bench::bare_usage());
    return 0;
  }
  sigset_t wanted;  // blocked in every thread: no handler runs anywhere
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  bench::Bare bare{*options.value};
  if (auto status = bare.start(); !status) return fail(status.problem, 1);
  fmt::print("listening {}\n", bare.port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&wanted, &signal);
  return 0;
}
