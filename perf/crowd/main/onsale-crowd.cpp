// onsale-crowd: sells one event to simulated people and judges the sale by what the stores say.
#include <fmt/format.h>

#include <cstdlib>

#include "perf/crowd/options.hpp"
#include "perf/crowd/run.hpp"

int main(int argc, char** argv) {
  auto options = crowd::read_options({argv + 1, argv + argc}, [](const char* name) { return std::getenv(name); });
  if (!options) {
    fmt::print(stderr, "onsale-crowd: {}\nTry `onsale-crowd --help`.\n", options.problem);
    return crowd::exit_incomplete;
  }
  if (options->help_wanted) {
    fmt::print("{}", crowd::usage());
    return 0;
  }
  return crowd::run(*options);
}
