// What one run of the load generator is told. Ownership: values. Thread: any.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "net/address.hpp"
#include "perf/bench/schedule.hpp"
#include "perf/bench/supply.hpp"
#include "perf/bench/tally.hpp"

namespace bench {

struct LoadOptions {
  net::IpAddress address;
  uint16_t port = 0;
  uint32_t connections = 64, idle_connections = 0;
  uint32_t threads = 1;
  std::vector<uint32_t> cpus;  // empty: where the kernel likes
  uint32_t pipeline = 1;
  double seconds = 10, warm_up_seconds = 1, timeout_seconds = 10;
  double rate = 0;  // requests a second; 0: closed loop
  Arrivals arrivals = Arrivals::constant;
  uint64_t seed = 0;   // 0: a fresh one
  uint32_t churn = 0;  // answers after which a connection is replaced; 0: never
  double connect_seconds = 0;
  uint32_t spread = 1;
  std::string requests_path;
  Order order = Order::cycle;
  StatusSet expect;
  std::string json_path;
  bool help_wanted = false;
};

core::Checked<LoadOptions> read_load_options(std::span<const char* const> words);
std::string load_usage();

}  // namespace bench
