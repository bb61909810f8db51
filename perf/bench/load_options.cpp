#include "perf/bench/load_options.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/random.hpp"
#include "perf/bench/option_values.hpp"

namespace bench {

namespace {

namespace option = core::option;

constexpr uint32_t connections_max = 1'000'000, pipeline_max = 1024, spread_max = 60'000;
constexpr double seconds_max = 3600, rate_max = 100e6;
constexpr std::string_view orders[] = {"cycle", "once"}, arrivals[] = {"constant", "poisson"};

// "127.0.0.1:8080" or "[::1]:8080"
std::string take_target(std::string_view value, LoadOptions& options) {
  const auto colon = value.rfind(':');
  if (colon == value.npos) return "ADDRESS:PORT";
  auto host = value.substr(0, colon);
  const auto digits = value.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = net::IpAddress::parse(host);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), options.port);
  if (!address || error != std::errc{} || end != digits.data() + digits.size() || options.port == 0) {
    return "ADDRESS:PORT";
  }
  options.address = *address;
  return {};
}

// "2xx,409": classes and single statuses.
std::string take_expect(std::string_view value, StatusSet& expect) {
  expect.reset();
  for (std::size_t from = 0; from <= value.size();) {
    const auto comma = std::min(value.find(',', from), value.size());
    const auto word = value.substr(from, comma - from);
    const bool whole_class = word.ends_with("xx");
    const auto digits = whole_class ? word.substr(0, word.size() - 2) : word;
    std::size_t first = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), first);
    if (whole_class) first *= 100;
    if (error != std::errc{} || end != digits.data() + digits.size() || first < 200 || first >= statuses_end) {
      return "statuses like 2xx or 200,409";
    }
    for (auto status = first; status < first + (whole_class ? 100 : 1); ++status) expect.set(status);
    from = comma + 1;
  }
  return {};
}

void add_what(core::CommandLine& line, LoadOptions& options) {
  line.add("--target", "ADDRESS:PORT", "the server",
           {[&options](std::string_view value) { return take_target(value, options); }, ""});
  line.add("--requests", "FILE",
           "what to ask: METHOD, target, authorization, idempotency key, headers, body (perf/bench/README.md)",
           option::text(options.requests_path));
  line.add("--order", "cycle|once", "walk the requests again and again, or send each once and stop",
           option::word(orders, options.order));
  line.add("--expect", "STATUSES", "what counts as success",
           {[&options](std::string_view value) { return take_expect(value, options.expect); }, "2xx"});
  line.add("--json", "FILE|-", "the report as JSON instead of a table", option::text(options.json_path));
}

void add_how(core::CommandLine& line, LoadOptions& options) {
  line.add("--connections", "N", "that ask", option::number(options.connections, 0, connections_max));
  line.add("--idle-connections", "N", "more that are open and never ask",
           option::number(options.idle_connections, 0, connections_max));
  line.add("--pipeline", "N", "requests under way on a connection", option::number(options.pipeline, 1, pipeline_max));
  line.add("--churn", "N", "replace a connection after N answers",
           option::number(options.churn, 0, connections_max).otherwise("never"));
  line.add("--spread", "N", "connect to 127.0.1.1 and N - 1 addresses behind it",
           option::number(options.spread, 1, spread_max).otherwise("to the target alone"));
  line.add("--threads", "N", "each with a loop of its own, up to RLIMIT_NOFILE connections each",
           option::number(options.threads, 1, threads_max));
  line.add("--cpu", "LIST", "pin the threads to these processors, in turn", cpus(options.cpus));
}

void add_when(core::CommandLine& line, LoadOptions& options) {
  line.add("--seconds", "S", "measured time", option::decimal(options.seconds, 0.1, seconds_max));
  line.add("--warm-up-seconds", "S", "before it, not measured",
           option::decimal(options.warm_up_seconds, 0, seconds_max).otherwise("1, with --order once 0"));
  line.add("--rate", "R", "open loop: requests a second, latency from the instant each is due",
           option::decimal(options.rate, 0.001, rate_max).otherwise("closed loop"));
  line.add("--arrivals", "constant|poisson", "of an open loop", option::word(arrivals, options.arrivals));
  line.add("--seed", "N", "of poisson arrivals",
           option::number(options.seed).otherwise("a fresh one, the report names it"));
  line.add("--connect-seconds", "S", "open the connections (the idle ones, if any) within the measured time, over S s",
           option::decimal(options.connect_seconds, 0, seconds_max).otherwise("before it"));
  line.add("--timeout-seconds", "S", "give up on an answer",
           option::decimal(options.timeout_seconds, 0.1, seconds_max));
}

core::CommandLine command_line(LoadOptions& options) {
  core::CommandLine line{{"onsale-load",
                          "asks an HTTP/1.1 server as fast as it answers, or at a fixed rate, and measures",
                          exit_statuses}};
  add_what(line, options);
  add_how(line, options);
  add_when(line, options);
  return line;
}

core::Status check(const LoadOptions& options) {
  if (options.port == 0) return {"--target ADDRESS:PORT is needed"};
  if (options.connections + options.idle_connections == 0) return {"there is no connection to open"};
  if (options.connections > 0 && options.requests_path.empty()) {
    return {"--requests FILE is needed (or --connections 0, with --idle-connections)"};
  }
  if (options.spread > 1 && options.address != *net::IpAddress::parse("127.0.0.1")) {
    return {"--spread works on loopback: --target 127.0.0.1:PORT"};
  }
  if (options.rate == 0 && options.arrivals == Arrivals::poisson) return {"--arrivals needs --rate"};
  if (options.connections > 0 && options.connections < options.threads) {
    return {"--threads: there must be a connection that asks for each"};
  }
  return {};
}

}  // namespace

core::Checked<LoadOptions> read_load_options(std::span<const char* const> words) {
  using Read = core::Checked<LoadOptions>;
  constexpr double not_said = -1;
  LoadOptions options;
  options.warm_up_seconds = not_said;
  static_cast<void>(take_expect("2xx", options.expect));
  auto line = command_line(options);
  if (auto status = line.read(words); !status) return Read::failed(status.problem);
  options.help_wanted = line.help_wanted();
  if (options.help_wanted) return options;
  if (auto status = check(options); !status) return Read::failed(status.problem);
  if (options.warm_up_seconds == not_said) options.warm_up_seconds = options.order == Order::once ? 0 : 1;
  while (options.seed == 0) options.seed = core::Random{}.next_u32();
  return options;
}

std::string load_usage() {
  LoadOptions options;
  return command_line(options).usage();
}

}  // namespace bench
