// onsaled: one node of an on-sale. See --help.
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "app/node.hpp"
#include "app/version.hpp"
#include "core/log.hpp"
#include "persist/schema.hpp"

namespace {

constexpr std::string_view help = R"(onsaled: the node of an on-sale: the line, the seats, the record.

  onsaled -c FILE             run
  onsaled -t -c FILE          check the configuration, start nothing
  onsaled -T -c FILE          check it and print the values in force, without secrets
  onsaled --migrate -c FILE   create or update the schema in PostgreSQL
  onsaled --version
  onsaled --help

SIGTERM and SIGINT drain: no new connections, what is in flight is finished, what waits is recorded. A second signal
hurries.
Exit status: 0 good, 1 something is wrong and stderr says what, 2 the command line cannot be understood.
)";

enum class Mode { run, check, show, migrate };

struct CommandLine {
  Mode mode = Mode::run;
  std::string config;
  int exit = -1;  // not negative: nothing more to do
};

CommandLine misused(std::string_view why) {
  fmt::print(stderr, "onsaled: {}\nTry `onsaled --help`.\n", why);
  return {.mode = Mode::run, .config = {}, .exit = 2};
}

CommandLine understand(const std::vector<std::string_view>& words) {
  CommandLine line;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const auto word = words[at];
    if (word == "--help" || word == "-h") {
      fmt::print("{}", help);
      line.exit = 0;
    } else if (word == "--version" || word == "-V") {
      fmt::print("onsaled {}\n", app::version);
      line.exit = 0;
    } else if (word == "-t") {
      line.mode = Mode::check;
    } else if (word == "-T") {
      line.mode = Mode::show;
    } else if (word == "--migrate") {
      line.mode = Mode::migrate;
    } else if (word == "-c") {
      if (++at == words.size()) return misused("-c needs a file");
      line.config = words[at];
    } else {
      return misused(fmt::format("what is {}?", word));
    }
  }
  if (line.exit < 0 && line.config.empty()) return misused("-c FILE is missing");
  return line;
}

int failed(std::string_view problem) {
  fmt::print(stderr, "onsaled: {}\n", problem);
  return EXIT_FAILURE;
}

int migrate(const app::Config& config) {
  if (const auto status = persist::migrate(config.postgres.dsn); !status) return failed(status.problem);
  fmt::print("The schema in PostgreSQL is that of this version.\n");
  return EXIT_SUCCESS;
}

// The signals a node is steered by, blocked in every thread so that main waits for them.
sigset_t steering_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

bool signalled(const sigset_t& signals, time_t wait_s) {
  const timespec wait{wait_s, 0};
  return sigtimedwait(&signals, nullptr, &wait) > 0;
}

// Until a signal; the watchdog is told only while every core's loop turns.
void serve(app::Node& node, const sigset_t& signals) {
  while (!signalled(signals, 1))
    if (node.alive()) sd_notify(0, "WATCHDOG=1");
}

int run(app::Config config) {
  const core::Log log{{.format = config.log.format,
                       .level = config.log.level,
                       .fd = 2,
                       .priorities = core::Log::goes_to_journal(2, std::getenv("JOURNAL_STREAM"))}};
  for (const auto& warning : config.warnings) log.warning(warning);
  const auto signals = steering_signals();
  std::signal(SIGPIPE, SIG_IGN);
  app::Node node{std::move(config), log};
  if (const auto status = node.start(); !status) {
    log.error("cannot start", {{"reason", status.problem}});
    return EXIT_FAILURE;
  }
  sd_notify(0, "READY=1\nSTATUS=Serving");
  serve(node, signals);
  sd_notify(0, "STOPPING=1\nSTATUS=Draining");
  log.info("draining");
  node.stop([&] { return signalled(signals, 0); });
  log.info("stopped");
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const auto line = understand({argv + 1, argv + argc});
  if (line.exit >= 0) return line.exit;
  auto config = app::load_config(line.config);
  if (!config) return failed(config.problem);
  switch (line.mode) {
    case Mode::check:
      fmt::print("{} is good.\n", line.config);
      return EXIT_SUCCESS;
    case Mode::show:
      fmt::print("{}", app::effective_config(*config));
      return EXIT_SUCCESS;
    case Mode::migrate:
      return migrate(*config);
    case Mode::run:
      return run(std::move(*config));
  }
}
