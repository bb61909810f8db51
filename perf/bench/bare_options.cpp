#include "perf/bench/bare_options.hpp"

#include "perf/bench/option_values.hpp"

namespace bench {

namespace {

namespace option = core::option;

constexpr uint32_t body_bytes_max = 16 * 1024 * 1024, connections_end = 1'000'000;

core::CommandLine command_line(BareOptions& options) {
  core::CommandLine line{
      {"onsale-bare", "answers every request with the same bytes, over the server's own ring code", exit_statuses}};
  line.add("--address", "A", "to listen on", address(options.address));
  line.add("--port", "P", "to listen on",
           option::port(options.port).otherwise("any free one, the first line says which"));
  line.add("--threads", "N", "each with a loop and a listener of its own",
           option::number(options.threads, 1, threads_max));
  line.add("--cpu", "LIST", "pin the threads to these processors, in turn", cpus(options.cpus));
  line.add("--body-bytes", "N", "of the answer, behind the head the server would send",
           option::number(options.body_bytes, 0, body_bytes_max));
  line.add("--connections-max", "N", "a thread, at most RLIMIT_NOFILE",
           option::number(options.connections_max, 1, connections_end));
  return line;
}

}  // namespace

core::Checked<BareOptions> read_bare_options(std::span<const char* const> words) {
  BareOptions options;
  auto line = command_line(options);
  if (auto status = line.read(words); !status) return core::Checked<BareOptions>::failed(status.problem);
  options.help_wanted = line.help_wanted();
  return options;
}

std::string bare_usage() {
  BareOptions options;
  return command_line(options).usage();
}

}  // namespace bench
