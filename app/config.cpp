#include "app/config.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "app/config_reader.hpp"

namespace app {

namespace {

constexpr int64_t file_bytes_max = 1024 * 1024;
constexpr std::size_t admin_token_bytes_min = 16;

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }
bool all_visible(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_visible); }

bool is_address(std::string_view text) { return net::IpAddress::parse(text).has_value(); }
bool is_network(std::string_view text) { return net::Cidr::parse(text).has_value(); }

// RFC 9110's token; what stands in a header's name.
bool is_header_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_full(std::string_view text) { return !text.empty(); }

// Every address of a list "host:port,host:port" has a port.
bool is_brokers(std::string_view text) {
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto one = text.substr(0, comma);
    const auto colon = one.rfind(':');
    if (colon == one.npos || colon == 0 || colon + 1 == one.size()) return false;
    if (!std::all_of(one.begin() + static_cast<std::ptrdiff_t>(colon) + 1, one.end(),
                     [](char c) { return c >= '0' && c <= '9'; })) {
      return false;
    }
    if (comma + 1 == text.size()) return false;  // nothing behind the comma
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return true;
}

std::string trimmed(std::string text) {
  constexpr std::string_view blanks = " \t\r\n";
  text.erase(text.find_last_not_of(blanks) + 1);
  text.erase(0, text.find_first_not_of(blanks));
  return text;
}

struct File {
  std::string text;
  bool everybody_reads = false;
};

// A regular file of a sensible size; the problem is what errno says, or what the file is instead.
core::Checked<File> read_file(const std::string& path) {
  using Failed = core::Checked<File>;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Failed::failed(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Failed::failed("is no regular file");
  if (status.st_size > file_bytes_max) return Failed::failed(fmt::format("has more than {} bytes", file_bytes_max));
  std::ifstream file{path, std::ios::binary};
  if (!file) return Failed::failed(std::strerror(errno));
  File read{std::string(static_cast<std::size_t>(status.st_size), '\0'), (status.st_mode & S_IROTH) != 0};
  file.read(read.text.data(), static_cast<std::streamsize>(read.text.size()));
  read.text.resize(static_cast<std::size_t>(file.gcount()));
  return read;
}

// Reads the sections one after another into the configuration.
class Loader {
 public:
  Loader(ConfigReader& reader, std::string folder) : reader_{reader}, folder_{std::move(folder)} {}
  Config load() {
    load_server();
    load_operations();
    load_redis();
    load_postgres();
    load_kafka();
    load_identity();
    load_tokens();
    load_rest();
    return std::move(config_);
  }

 private:
  void load_server() {
    auto section = reader_.section("server");
    auto& server = config_.server;
    section.text("address", server.address, is_address, "an IPv4 or IPv6 address");
    section.integer("port", server.port, 1, 65'535);
    section.integer("workers", server.workers, 0, 256);
    section.integer("connections_max", server.connections_max, 1, 1'000'000);
    if (server.workers == 0) server.workers = std::max(1u, std::thread::hardware_concurrency());
  }

  void load_operations() {
    auto section = reader_.section("operations");
    auto& operations = config_.operations;
    section.text("address", operations.address, is_address, "an IPv4 or IPv6 address");
    section.integer("port", operations.port, 1, 65'535);
    section.require("admin_token_file");
    secret(
        section, "admin_token_file", operations.admin_token,
        [](std::string_view token) { return token.size() >= admin_token_bytes_min && all_visible(token); },
        "a token of at least 16 visible characters");
  }

  void load_redis() {
    auto section = reader_.section("redis");
    auto& redis = config_.redis;
    section.text("host", redis.host, all_visible, "a name or an address");
    section.integer("port", redis.port, 1, 65'535);
    section.text(
        "unix_path", redis.unix_path, [](std::string_view path) { return path.size() < 108; },
        "a path of less than 108 bytes");
    section.text("username", redis.username);
    secret(section, "password_file", redis.password, is_full, "a password");
    if (!redis.unix_path.empty() && (section.has("host") || section.has("port"))) {
      section.fail("unix_path", "must not stand beside host or port");
    }
    if (!redis.username.empty() && !section.has("password_file")) section.fail("username", "needs a password_file");
  }

  void load_postgres() {
    auto section = reader_.section("postgres");
    section.text("dsn", config_.postgres.dsn, is_full, "a connection string of libpq");
    if (section.has("dsn") && section.has("dsn_file")) section.fail("dsn_file", "must not stand beside dsn");
    secret(section, "dsn_file", config_.postgres.dsn, is_full, "a connection string of libpq");
    section.integer("writers", config_.postgres.writers, 1, 64);
    if (!section.has("dsn_file")) section.require("dsn");
  }

  void load_kafka() {
    auto section = reader_.section("kafka");
    section.text("brokers", config_.kafka.brokers, is_brokers, "\"host:port,...\", or \"\" for none");
    section.integer("replication", config_.kafka.replication, 1, 15);
  }

  void load_identity() {
    auto section = reader_.section("identity");
    auto& identity = config_.identity;
    section.require("mode");
    section.choice("mode", identity.mode, {"header", "anonymous"});
    section.text("header", identity.header, is_header_name, "the name of a header");
    std::vector<std::string> proxies;
    const bool good = section.texts("trusted_proxies", proxies, is_network, "addresses or networks, \"10.0.0.0/8\"");
    for (const auto& proxy : proxies) identity.trusted_proxies.push_back(*net::Cidr::parse(proxy));
    if (good && proxies.empty() && section.has("mode") && identity.mode == IdentityMode::header) {
      section.fail("mode", "is \"header\" and needs trusted_proxies: nobody else is believed");
    }
  }

  void load_tokens() {
    auto section = reader_.section("tokens");
    section.require("keys_file");
    std::string text;
    secret(section, "keys_file", text, is_full, "keys");
    if (text.empty()) return;
    auto keys = core::Keyring::parse(text);
    if (keys) {
      config_.tokens.keys = std::move(*keys);
    } else {
      section.fail("keys_file", fmt::format("names a file that cannot be used: {}", keys.problem));
    }
  }

  void load_rest() {
    reader_.section("payments").choice("mode", config_.payments.mode, {"trusted"});
    reader_.section("confirm").duration_ms("deadline", config_.confirm.deadline_ms, 10, 30'000);
    auto section = reader_.section("log");
    section.choice("format", config_.log.format, {"text", "json"});
    section.choice("level", config_.log.level, {"debug", "info", "warning", "error"});
  }

  // The trimmed text of the file that the key names. Problems never show the secret.
  void secret(ConfigSection& section, std::string_view key, std::string& out, ConfigSection::Judge valid,
              std::string_view form) {
    std::string name;
    section.text(key, name, is_full, "the path of a file");
    if (name.empty()) return;
    const auto path = (std::filesystem::path{folder_} / name).string();
    auto file = read_file(path);
    if (!file) return section.fail(key, fmt::format("names \"{}\": {}", path, file.problem));
    auto text = trimmed(std::move(file->text));
    if (!valid(text)) return section.fail(key, fmt::format("names \"{}\", which must hold {}", path, form));
    if (file->everybody_reads) {
      config_.warnings.push_back(fmt::format("the secret {} may be read by everybody; use chmod o-r", path));
    }
    out = std::move(text);
  }

  ConfigReader& reader_;
  std::string folder_;
  Config config_;
};

// As TOML reads it back.
std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (control) fmt::format_to(std::back_inserter(out), "\\u{:04X}", static_cast<unsigned>(c));
    if (c == '"' || c == '\\') out += '\\';
    if (!control) out += c;
  }
  return out + '"';
}

}  // namespace

std::optional<int64_t> parse_duration_ms(std::string_view text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  const std::string_view unit{end, text.data() + text.size()};
  const int64_t unit_ms = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  int64_t value_ms = 0;
  if (unit_ms == 0 || __builtin_mul_overflow(count, unit_ms, &value_ms)) return std::nullopt;
  return value_ms;
}

core::Checked<Config> parse_config(std::string_view text, const std::string& name, const std::string& folder) {
  ConfigProblems problems{name};
  const auto parsed = toml::parse(text, name);
  Config config;
  if (!parsed) {
    problems.add(parsed.error().source(), std::string{parsed.error().description()});
  } else {
    ConfigReader reader{parsed.table(), problems};
    config = Loader{reader, folder}.load();
  }
  if (!problems.empty()) return core::Checked<Config>::failed(problems.text());
  return config;
}

core::Checked<Config> load_config(const std::string& path) {
  const auto file = read_file(path);
  if (!file) return core::Checked<Config>::failed(fmt::format("{}: {}", path, file.problem));
  return parse_config(file.value->text, path, std::filesystem::path{path}.parent_path().string());
}

std::string effective_config(const Config& config) {
  const auto& [server, operations, redis, postgres, kafka, identity, tokens, payments, confirm, log, warnings] = config;
  std::string out = fmt::format("[server]\naddress = \"{}\"\nport = {}\nworkers = {}\nconnections_max = {}\n",
                                server.address, server.port, server.workers, server.connections_max);
  auto more = std::back_inserter(out);
  fmt::format_to(more, "\n[operations]\naddress = \"{}\"\nport = {}\n", operations.address, operations.port);
  if (redis.unix_path.empty()) {
    fmt::format_to(more, "\n[redis]\nhost = {}\nport = {}\n", toml_text(redis.host), redis.port);
  } else {
    fmt::format_to(more, "\n[redis]\nunix_path = {}\n", toml_text(redis.unix_path));
  }
  fmt::format_to(more, "username = {}\n\n[postgres]\nwriters = {}\n", toml_text(redis.username), postgres.writers);
  fmt::format_to(more, "\n[kafka]\nbrokers = {}\nreplication = {}\n", toml_text(kafka.brokers), kafka.replication);
  const bool header = identity.mode == IdentityMode::header;
  fmt::format_to(more, "\n[identity]\nmode = \"{}\"\n", header ? "header" : "anonymous");
  fmt::format_to(more, "header = \"{}\"\ntrusted_proxies = [", identity.header);
  for (const auto& proxy : identity.trusted_proxies) {
    fmt::format_to(more, "{}\"{}\"", &proxy == &identity.trusted_proxies.front() ? "" : ", ", proxy.text());
  }
  fmt::format_to(more, "]\n\n[payments]\nmode = \"trusted\"\n\n[confirm]\ndeadline = \"{}ms\"\n", confirm.deadline_ms);
  const std::string_view format = log.format == core::LogFormat::json ? "json" : "text";
  fmt::format_to(more, "\n[log]\nformat = \"{}\"\nlevel = \"{}\"\n", format, core::name(log.level));
  return out;
}

}  // namespace app
