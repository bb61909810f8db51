#include "perf/bench/option_values.hpp"

#include <algorithm>

namespace bench {

core::option::Value address(net::IpAddress& out) {
  auto take = [&out](std::string_view value) {
    const auto found = net::IpAddress::parse(value);
    if (found) out = *found;
    return std::string{found ? "" : "an IPv4 or IPv6 address"};
  };
  return {take, out.text()};
}

core::option::Value cpus(std::vector<uint32_t>& out) {
  auto take = [&out](std::string_view value) -> std::string {
    constexpr uint32_t cpu_max = 1023;
    out.clear();
    for (std::size_t from = 0; from <= value.size();) {
      const auto comma = std::min(value.find(',', from), value.size());
      uint32_t cpu = 0;
      const auto number = core::option::number(cpu, 0, cpu_max);
      if (!number.take(value.substr(from, comma - from)).empty()) return "processors like 1 or 0,2";
      out.push_back(cpu);
      from = comma + 1;
    }
    return {};
  };
  return {take, "where the kernel likes"};
}

}  // namespace bench
