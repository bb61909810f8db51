// Runs simulated worlds from seeds: `simulation [NAME...] [--seed S] [--runs N] [--seconds T] [--trace]`.
// A run that breaks an invariant, an assertion or a sanitizer's rule ends the program, and the command that repeats it
// is the last line. Some runs are done twice: the same seed must be the same run.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/worlds/world.hpp"

namespace {

using simulation::World;

constexpr std::array worlds{
    World{"server", "HTTP clients with all manners against a server", &simulation::run_server_world},
    World{"redis", "a link and its batches against a Redis that has bad days", &simulation::run_redis_world},
    World{"sale", "a core of a node between its clients and its Redis", &simulation::run_sale_world},
};

constexpr uint64_t runs_between_repeats = 64;
constexpr unsigned run_seconds_max = 60;

struct Options {
  std::vector<const World*> chosen;
  std::optional<uint64_t> seed, runs;
  uint64_t seconds = 10;
  bool printed = false;
};

// What the process dies of is reported together with how to see it again. Async-signal-safe.
std::array<char, 200> repeat_command;

void report_death(int signal) {
  static_cast<void>(!::write(STDERR_FILENO, repeat_command.data(), std::string_view{repeat_command.data()}.size()));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void watch_for_death() {
  for (const auto signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) std::signal(signal, &report_death);
}

uint64_t seed_of(uint64_t first, uint64_t run) { return run == 0 ? first : simulation::Chance{first + run}.next(); }

void run_one(const World& world, uint64_t seed, const Options& options, bool twice) {
  const auto end = fmt::format_to_n(repeat_command.data(), repeat_command.size() - 1,
                                    "repeat it: ./dev simulate {} --seed {} --runs 1\n", world.name, seed);
  *end.out = '\0';
  ::alarm(run_seconds_max);
  const auto hash = world.run(seed, options.printed);
  if (options.printed || options.runs == 1) fmt::print("{} {} hash {:016x}\n", world.name, seed, hash);
  if (!twice || world.run(seed, false) == hash) return;
  fmt::print(stderr, "simulation: the same seed was another run\n");
  std::abort();
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run_world(const World& world, uint64_t seed, const Options& options, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  uint64_t run = 0;
  while (options.runs ? run < *options.runs : seconds_since(start) < seconds) {
    run_one(world, seed_of(seed, run), options, run % runs_between_repeats == 0 && !options.printed);
    ++run;
  }
  ::alarm(0);
  const auto took = seconds_since(start);
  fmt::print("{}: {} runs from seed {}, {:.0f} a minute\n", world.name, run, seed,
             static_cast<double>(run) / took * 60);
  std::fflush(stdout);
}

[[noreturn]] void refuse(const std::string& why) {
  fmt::print(stderr, "simulation: {}\nusage: simulation [NAME...] [--seed S] [--runs N] [--seconds T] [--trace]\n",
             why);
  for (const auto& world : worlds) fmt::print(stderr, "  {:<8} {}\n", world.name, world.what);
  std::exit(2);
}

const World& world_of(std::string_view name) {
  for (const auto& world : worlds)
    if (world.name == name) return world;
  refuse(fmt::format("there is no world '{}'", name));
}

uint64_t number_of(std::string_view option, const char* text) {
  uint64_t number = 0;
  const std::string_view digits{text == nullptr ? "" : text};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) refuse(fmt::format("{} needs a number", option));
  return number;
}

Options read_options(char** arguments) {
  Options options;
  for (; *arguments != nullptr; ++arguments) {
    const std::string_view word{*arguments};
    if (word == "--trace") {
      options.printed = true;
    } else if (word == "--seed") {
      options.seed = number_of(word, *++arguments);
    } else if (word == "--runs") {
      options.runs = number_of(word, *++arguments);
    } else if (word == "--seconds") {
      options.seconds = number_of(word, *++arguments);
    } else {
      options.chosen.push_back(&world_of(word));
    }
    if (*arguments == nullptr) break;
  }
  if (options.chosen.empty())
    for (const auto& world : worlds) options.chosen.push_back(&world);
  return options;
}

}  // namespace

int main(int, char** arguments) {
  const auto options = read_options(arguments + 1);
  const auto seed = options.seed.value_or(std::random_device{}());
  watch_for_death();
  for (const auto* world : options.chosen) {
    run_world(*world, seed, options, static_cast<double>(options.seconds) / static_cast<double>(options.chosen.size()));
  }
  return 0;
}
