// What one run is told: where the server and the stores are, and how large the sale and the crowd shall be.
// Every address may come from the environment (`./dev up` writes DIR/env in exactly these names).
// Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/command_line.hpp"
#include "core/error.hpp"

namespace crowd {

enum class KafkaKind : uint8_t { none, embedded, real };
std::string_view name(KafkaKind kind);

struct Options {
  std::string url = "http://127.0.0.1:8080";
  std::string ops_url = "http://127.0.0.1:9090";
  std::string admin_token;
  std::string user_header = "Onsale-User";
  std::string redis_url = "redis://127.0.0.1:6379";
  std::string pg_dsn;
  std::string kafka_brokers;
  KafkaKind kafka_kind = KafkaKind::none;
  uint32_t buyers = 2000;
  uint32_t seats = 500;
  uint32_t standing = 200;
  uint32_t limit_s = 120;  // the sale may last so long
  uint64_t seed = 0;       // 0: a fresh one; the report names it
  std::string event;       // empty: a fresh id
  std::string report_path;
  bool help_wanted = false;
};

core::Checked<Options> read_options(std::span<const char* const> words,
                                    const core::CommandLine::Environment& environment);
std::string usage();

}  // namespace crowd
