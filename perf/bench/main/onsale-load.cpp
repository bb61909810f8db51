// onsale-load: asks a server and measures. See --help.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>

#include "perf/bench/load.hpp"
#include "perf/bench/report.hpp"

namespace {

constexpr int exit_failed = 1, exit_misused = 2;

int fail(const std::string& problem, int status) {
  fmt::print(stderr, "onsale-load: {}\n", problem);
  if (status == exit_misused) fmt::print(stderr, "Try `onsale-load --help`.\n");
  return status;
}

// SIGTERM and SIGINT stay blocked and are asked for: no handler runs anywhere.
sigset_t blocked_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  return wanted;
}

bool signalled(const sigset_t& wanted) {
  constexpr timespec at_once{0, 0};
  return sigtimedwait(&wanted, nullptr, &at_once) > 0;
}

// One line that is written over each second, when a person looks.
class Progress {
 public:
  void show(uint64_t answered) {
    if (!shown_ || ++calls_ % calls_per_second != 0) return;
    fmt::print(stderr, "\r{:>10}/s {:>14} answers ", answered - before_, answered);
    std::fflush(stderr);
    before_ = answered;
  }
  void end() const {
    if (shown_) fmt::print(stderr, "\r{:40}\r", "");
  }

 private:
  static constexpr uint32_t calls_per_second = 10;
  bool shown_ = ::isatty(STDERR_FILENO) == 1;
  uint32_t calls_ = 0;
  uint64_t before_ = 0;
};

bool write(const std::string& path, const std::string& text) {
  FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
  return (file == stdout || std::fclose(file) == 0) && written;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::read_load_options({argv + 1, argv + argc});
  if (!options) return fail(options.problem, exit_misused);
  if (options.value->help_wanted) {
    fmt::print("{}", bench::load_usage());
    return 0;
  }
  const auto supply = bench::make_supply(*options.value);
  if (!supply) return fail(supply.problem, exit_failed);
  const auto signals = blocked_signals();
  Progress progress;
  const auto result = bench::run_load(*options.value, *supply.value, [&](uint64_t answered) {
    progress.show(answered);
    return !signalled(signals);
  });
  progress.end();
  if (!result) return fail(result.problem, exit_failed);
  const auto& path = options.value->json_path;
  if (path.empty()) {
    fmt::print("{}", bench::table_report(*options.value, *result.value));
  } else if (!write(path, bench::json_report(*options.value, *result.value))) {
    return fail("the report cannot be written to " + path, exit_failed);
  }
  return 0;
}
