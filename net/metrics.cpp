#include "net/metrics.hpp"

#include <array>
#include <string>

#include "net/loop.hpp"
#include "net/server.hpp"

namespace net {

namespace {

template <class Metrics, class Pick>
uint64_t sum(std::span<const Metrics* const> all, Pick pick) {
  uint64_t total = 0;
  for (const auto* each : all) total += pick(*each).value();
  return total;
}

template <class Metrics>
struct Series {
  const char* name;
  const char* help;
  Counter Metrics::*counter;
};

template <class Metrics, std::size_t count>
void write_counters(core::MetricsText& text, std::span<const Metrics* const> all,
                    const Series<Metrics> (&series)[count]) {
  for (const auto& each : series) {
    text.counter(each.name, each.help);
    text.sample(sum(all, [&](const Metrics& metrics) -> const Counter& { return metrics.*each.counter; }));
  }
}

template <class Metrics>
struct Cause {
  const char* label;
  Counter Metrics::*counter;
};

// One family whose series differ by a label.
template <class Metrics, std::size_t count>
void write_causes(core::MetricsText& text, std::span<const Metrics* const> all, const Cause<Metrics> (&causes)[count]) {
  for (const auto& each : causes) {
    text.sample(sum(all, [&](const Metrics& metrics) -> const Counter& { return metrics.*each.counter; }),
                {{"cause", each.label}});
  }
}

constexpr Series<LoopMetrics> loop_series[] = {
    {"loop_turns_total", "Rounds of the event loops.", &LoopMetrics::turns},
    {"loop_completions_total", "Answers of the kernel.", &LoopMetrics::completions},
    {"loop_submissions_total", "Operations given to the kernel.", &LoopMetrics::submissions},
    {"loop_overflows_total", "Turns that found the completion queue overflown.", &LoopMetrics::overflows},
};

constexpr Series<ServerMetrics> server_series[] = {
    {"http_connections_accepted_total", "Connections taken.", &ServerMetrics::accepted},
    {"http_requests_total", "Requests that were read whole.", &ServerMetrics::requests},
    {"http_requests_malformed_total", "Requests refused before they had a route.", &ServerMetrics::refused_requests},
    {"http_receive_starved_total", "Receives that found no buffer.", &ServerMetrics::starved},
    {"http_unanswered_total", "Handlers that ended without an answer.", &ServerMetrics::unanswered},
    {"http_sends_total", "Sends; requests by sends is the batching.", &ServerMetrics::sends},
    {"http_received_bytes_total", "Bytes received.", &ServerMetrics::bytes_received},
    {"http_sent_bytes_total", "Bytes sent.", &ServerMetrics::bytes_sent},
};

constexpr Cause<ServerMetrics> cuts[] = {
    {"request_timeout", &ServerMetrics::request_timeouts}, {"idle_timeout", &ServerMetrics::idle_timeouts},
    {"slow_reader", &ServerMetrics::slow_readers_cut},     {"flood", &ServerMetrics::floods_cut},
    {"memory", &ServerMetrics::memory_refusals},           {"connections_max", &ServerMetrics::shed},
};

constexpr Cause<ServerMetrics> overloads[] = {
    {"exchanges_max", &ServerMetrics::exchange_refusals},
    {"frame", &ServerMetrics::frame_refusals},
};

}  // namespace

void write_metrics(core::MetricsText& text, std::span<const LoopMetrics* const> loops) {
  write_counters(text, loops, loop_series);
}

void write_metrics(core::MetricsText& text, std::span<const ServerMetrics* const> servers) {
  write_counters(text, servers, server_series);
  text.gauge("http_connections", "Connections now.");
  text.sample(sum(servers, [](const ServerMetrics& each) -> const Counter& { return each.connections; }));
  text.gauge("http_exchanges", "Requests in flight now.");
  text.sample(sum(servers, [](const ServerMetrics& each) -> const Counter& { return each.exchanges; }));
  text.counter("http_connections_cut_total", "Connections ended by us, and why.");
  write_causes(text, servers, cuts);
  text.counter("http_overloads_total", "Requests answered 503 before their handler ran, and why.");
  write_causes(text, servers, overloads);
  text.counter("http_responses_total", "Answers by class of status.");
  for (std::size_t at = 0; at < 5; ++at) {
    auto name = std::to_string(at + 1) + "xx";
    text.sample(sum(servers, [&](const ServerMetrics& each) -> const Counter& { return each.responses[at]; }),
                {{"class", name}});
  }
}

}  // namespace net
