#include "perf/bench/report.hpp"

#include <fmt/format.h>

#include "core/json_writer.hpp"

namespace bench {

namespace {

using Writer = core::JsonWriter<std::string>;

int64_t signed_(uint64_t value) { return static_cast<int64_t>(value); }

void number(Writer& json, std::string_view name, double value) { json.key(name).raw(fmt::format("{:.3f}", value)); }

void count(Writer& json, std::string_view name, uint64_t value) { json.member(name, signed_(value)); }

void latencies(Writer& json, std::string_view name, const Latencies& found) {
  json.key(name).begin_object();
  count(json, "count", found.count());
  count(json, "p50", found.percentile_us(50));
  count(json, "p90", found.percentile_us(90));
  count(json, "p99", found.percentile_us(99));
  count(json, "p999", found.percentile_us(99.9));
  count(json, "max", found.max_us());
  json.end_object();
}

void statuses(Writer& json, const Tally& tally) {
  json.key("statuses").begin_object();
  for (std::size_t status = 0; status < tally.statuses().size(); ++status) {
    if (tally.statuses()[status] > 0) count(json, fmt::format("{}", status), tally.statuses()[status]);
  }
  json.end_object();
}

void errors(Writer& json, const Tally& tally) {
  json.key("errors").begin_object();
  count(json, "connect", tally.lost.connect);
  count(json, "reset", tally.lost.reset);
  count(json, "protocol", tally.lost.protocol);
  count(json, "timeout", tally.lost.timeout);
  json.end_object();
  json.key("connections").begin_object();
  count(json, "opened", tally.connections.opened);
  count(json, "refused", tally.connections.refused);
  count(json, "reset", tally.connections.reset);
  count(json, "closed", tally.connections.closed);
  count(json, "idle_closed", tally.connections.idle_closed);
  json.end_object();
}

// The seconds that were measured; a run that ended early says nothing about the others.
void timeline(Writer& json, const LoadResult& result) {
  json.key("timeline").begin_array();
  int64_t number = 0;
  for (const auto& second : result.tally.timeline()) {
    if (static_cast<double>(number) >= result.seconds) break;
    json.begin_object();
    json.member("second", number++);
    count(json, "requests", second.requests);
    count(json, "expected", second.expected);
    count(json, "p99_us", second.latencies.percentile_us(99));
    json.end_object();
  }
  json.end_array();
}

double rate(const LoadResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.tally.requests()) / result.seconds : 0;
}

double cpu_us(const LoadResult& result) {
  const auto requests = result.tally.requests();
  return requests > 0 ? static_cast<double>(result.tally.cpu_ns) / 1000 / static_cast<double>(requests) : 0;
}

std::string latency_row(std::string_view name, const Latencies& found) {
  if (found.count() == 0) return {};
  return fmt::format("{:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}\n", name, found.percentile_us(50),
                     found.percentile_us(90), found.percentile_us(99), found.percentile_us(99.9), found.max_us(),
                     found.count());
}

}  // namespace

std::string json_report(const LoadOptions& options, const LoadResult& result) {
  const auto& tally = result.tally;
  std::string text;
  Writer json{text};
  json.begin_object();
  json.member("loop", options.rate > 0 ? "open" : "closed");
  count(json, "seed", options.seed);
  count(json, "requests", tally.requests());
  count(json, "expected", tally.expected().count());
  number(json, "seconds", result.seconds);
  number(json, "requests_per_second", rate(result));
  statuses(json, tally);
  errors(json, tally);
  latencies(json, "latency_us", tally.expected());
  latencies(json, "refusal_latency_us", tally.refusals());
  latencies(json, "connect_us", tally.connects());
  latencies(json, "lateness_us", tally.lateness());
  number(json, "client_cpu_us_per_request", cpu_us(result));
  count(json, "bytes_received", tally.bytes_received());
  count(json, "backlog_max", tally.backlog_max);
  count(json, "unsent", tally.unsent);
  count(json, "unanswered", tally.unanswered);
  timeline(json, result);
  json.end_object();
  return text + "\n";
}

std::string table_report(const LoadOptions& options, const LoadResult& result) {
  const auto& tally = result.tally;
  auto text = fmt::format("{} requests in {:.2f} s: {:.0f}/s, {:.2f} us of our CPU each\n", tally.requests(),
                          result.seconds, rate(result), cpu_us(result));
  text +=
      fmt::format("\n{:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}\n", "us", "p50", "p90", "p99", "p99.9", "max", "count");
  text += latency_row("expected", tally.expected());
  text += latency_row("refused", tally.refusals());
  text += latency_row("connect", tally.connects());
  text += latency_row("late", tally.lateness());
  text += "\nstatuses   ";
  for (std::size_t status = 0; status < tally.statuses().size(); ++status) {
    if (tally.statuses()[status] > 0) text += fmt::format(" {}: {}", status, tally.statuses()[status]);
  }
  const auto& lost = tally.lost;
  text += fmt::format("\nlost        connect: {} reset: {} protocol: {} timeout: {}\n", lost.connect, lost.reset,
                      lost.protocol, lost.timeout);
  const auto& connections = tally.connections;
  text += fmt::format("connections opened: {} refused: {} reset: {} closed: {} idle closed: {}\n", connections.opened,
                      connections.refused, connections.reset, connections.closed, connections.idle_closed);
  if (options.rate == 0) return text;
  return text + fmt::format("backlog     at most: {} unsent: {} unanswered: {} seed: {}\n", tally.backlog_max,
                            tally.unsent, tally.unanswered, options.seed);
}

}  // namespace bench
