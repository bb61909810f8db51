// The configuration of a node: one TOML file, read once, strictly. An unknown section or key, a wrong type, a value out
// of range or without its unit, a secret that cannot be read: each is a sentence with file, line and column, and
// nothing starts. Secrets stand in files of their own, named by `*_file` keys; a relative path counts from the folder
// of the configuration.
// Ownership: value; immutable after loading. Thread: any.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/limits.hpp"
#include "core/log.hpp"
#include "core/token.hpp"
#include "net/address.hpp"

namespace app {

enum class IdentityMode : uint8_t { header, anonymous };
enum class PaymentsMode : uint8_t { trusted };

struct ServerConfig {
  std::string address = "0.0.0.0";  // IPv4 or IPv6
  uint16_t port = 8080;
  uint32_t workers = 0;               // cores; loading replaces 0 by the number of processors
  uint32_t connections_max = 32'768;  // a worker
};

struct OperationsConfig {
  std::string address = "127.0.0.1";
  uint16_t port = 9090;
  std::string admin_token;  // what admin_token_file holds
};

struct RedisConfig {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string unix_path;  // not empty: host and port are not used
  std::string username, password;
};

struct PostgresConfig {
  std::string dsn;  // of libpq; from `dsn`, or from the file `dsn_file` when it holds a password
  uint32_t writers = 2;
};

struct KafkaConfig {
  std::string brokers;  // "host:port,..."; empty: nothing is announced
  uint32_t replication = 1;
};

struct IdentityConfig {
  IdentityMode mode = IdentityMode::anonymous;
  std::string header = "Onsale-User";
  std::vector<net::Cidr> trusted_proxies;  // who is believed in mode header
};

struct Config {
  ServerConfig server;
  OperationsConfig operations;
  RedisConfig redis;
  PostgresConfig postgres;
  KafkaConfig kafka;
  IdentityConfig identity;
  struct {
    core::Keyring keys;  // what keys_file holds
  } tokens;
  struct {
    PaymentsMode mode = PaymentsMode::trusted;
  } payments;
  struct {
    int64_t deadline_ms = core::limits::confirm_ms_max;
  } confirm;
  struct {
    core::LogFormat format = core::LogFormat::text;
    core::LogLevel level = core::LogLevel::info;
  } log;

  std::vector<std::string> warnings;  // sentences for the log: a secret that everybody may read
};

// The problem holds one line for each thing that is wrong.
core::Checked<Config> load_config(const std::string& path);
// The same for a text; `name` stands for the file in problems, relative paths count from `folder`.
core::Checked<Config> parse_config(std::string_view text, const std::string& name, const std::string& folder);

// The values in force, as TOML that people read; secrets are left out.
std::string effective_config(const Config& config);

// "250ms", "2s", "5m", "1h" as milliseconds; nullopt for anything else, a bare number included.
std::optional<int64_t> parse_duration_ms(std::string_view text);

}  // namespace app
