// The numbers of loops and servers as Prometheus text, summed over the cores.
// Thread: any; reads relaxed counters of servers that must be alive.
#pragma once
#include <span>

#include "core/metrics.hpp"

namespace net {

struct LoopMetrics;
struct ServerMetrics;

void write_metrics(core::MetricsText& text, std::span<const LoopMetrics* const> loops);
void write_metrics(core::MetricsText& text, std::span<const ServerMetrics* const> servers);

}  // namespace net
