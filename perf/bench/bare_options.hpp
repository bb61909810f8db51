// What the bare responder is told. Ownership: values. Thread: any.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "net/address.hpp"

namespace bench {

struct BareOptions {
  net::IpAddress address = *net::IpAddress::parse("127.0.0.1");
  uint16_t port = 0;
  uint32_t threads = 1;
  std::vector<uint32_t> cpus;  // empty: where the kernel likes
  uint32_t body_bytes = 64;
  uint32_t connections_max = 16'384;  // a thread
  bool help_wanted = false;
};

core::Checked<BareOptions> read_bare_options(std::span<const char* const> words);
std::string bare_usage();

}  // namespace bench
