// What onsale-load and onsale-bare say alike on their command lines. Ownership: writes through the references the
// values were made of. Thread: one.
#pragma once
#include <cstdint>
#include <vector>

#include "core/command_line.hpp"
#include "net/address.hpp"

namespace bench {

inline constexpr uint32_t threads_max = 256;
inline constexpr std::string_view exit_statuses =
    "0 good, 1 something is wrong and stderr says what, 2 the command line cannot be understood";

core::option::Value address(net::IpAddress& out);
core::option::Value cpus(std::vector<uint32_t>& out);  // "1" or "1,3": threads take them in turn

}  // namespace bench
