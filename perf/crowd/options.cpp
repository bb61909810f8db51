#include "perf/crowd/options.hpp"

#include <charconv>
#include <string_view>
#include <variant>

namespace crowd {
namespace {

using Target = std::variant<std::string Options::*, uint32_t Options::*, uint64_t Options::*, KafkaKind Options::*>;

struct Setting {
  std::string_view flag;
  const char* variable;  // null: command line only
  Target target;
  std::string_view help;
};

const Setting settings[] = {
    {"--url", "ONSALE_URL", &Options::url, "public listener, http://HOST:PORT"},
    {"--ops-url", "ONSALE_OPS_URL", &Options::ops_url, "operations listener"},
    {"--admin-token", "ONSALE_ADMIN_TOKEN", &Options::admin_token, "operator's bearer token"},
    {"--user-header", "ONSALE_USER_HEADER", &Options::user_header, "header that carries the user's identity"},
    {"--redis", "ONSALE_REDIS_URL", &Options::redis_url, "redis://[:PASSWORD@]HOST:PORT, read to verify"},
    {"--pg", "ONSALE_PG_DSN", &Options::pg_dsn, "libpq connection string, read to verify"},
    {"--kafka", "ONSALE_KAFKA_BROKERS", &Options::kafka_brokers, "HOST:PORT,... read to verify"},
    {"--kafka-kind", "ONSALE_KAFKA_KIND", &Options::kafka_kind, "real, embedded or none; the report says which"},
    {"--buyers", nullptr, &Options::buyers, "simulated people"},
    {"--seats", nullptr, &Options::seats, "numbered seats on sale"},
    {"--standing", nullptr, &Options::standing, "standing places on sale"},
    {"--limit", nullptr, &Options::limit_s, "seconds the sale may last"},
    {"--seed", nullptr, &Options::seed, "repeats a crowd's decisions; 0 draws a fresh one"},
    {"--event", nullptr, &Options::event, "id of the event to create; default: a fresh one"},
    {"--report", nullptr, &Options::report_path, "file for the report as JSON"},
};

template <class Integer>
bool assign_integer(std::string_view text, Integer& target) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool assign(std::string_view text, std::string& target) {
  target = text;
  return true;
}
bool assign(std::string_view text, uint32_t& target) { return assign_integer(text, target); }
bool assign(std::string_view text, uint64_t& target) { return assign_integer(text, target); }
bool assign(std::string_view text, KafkaKind& target) {
  for (auto kind : {KafkaKind::none, KafkaKind::embedded, KafkaKind::real}) {
    if (text != name(kind)) continue;
    target = kind;
    return true;
  }
  return false;
}

bool assign(const Setting& setting, std::string_view text, Options& options) {
  return std::visit([&](auto member) { return assign(text, options.*member); }, setting.target);
}

core::Status read_environment(const Environment& environment, Options& options) {
  for (const auto& setting : settings) {
    const char* value = setting.variable ? environment(setting.variable) : nullptr;
    if (!value || !*value) continue;
    if (!assign(setting, value, options)) return {std::string{setting.variable} + " is not a valid value: " + value};
  }
  return {};
}

const Setting* find_setting(std::string_view flag) {
  for (const auto& setting : settings) {
    if (setting.flag == flag) return &setting;
  }
  return nullptr;
}

core::Status read_arguments(std::span<const char* const> arguments, Options& options) {
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    std::string_view flag = arguments[at];
    if (flag == "--help" || flag == "-h") {
      options.help = true;
      continue;
    }
    auto equals = flag.find('=');
    const Setting* setting = find_setting(flag.substr(0, equals));
    if (!setting) return {"unknown option " + std::string{flag} + " (--help lists them)"};
    if (equals == flag.npos && ++at == arguments.size()) return {std::string{flag} + " needs a value"};
    std::string_view value = equals == flag.npos ? std::string_view{arguments[at]} : flag.substr(equals + 1);
    if (!assign(*setting, value, options)) {
      return {std::string{setting->flag} + " is not a valid value: " + std::string{value}};
    }
  }
  return {};
}

core::Status check(const Options& options) {
  if (options.buyers == 0) return {"--buyers must be at least 1"};
  if (options.seats + options.standing == 0) return {"nothing is on sale: --seats and --standing are both 0"};
  if (options.admin_token.empty()) return {"--admin-token (or ONSALE_ADMIN_TOKEN) is needed to create the event"};
  if (options.pg_dsn.empty()) return {"--pg (or ONSALE_PG_DSN) is needed to verify the sale"};
  if (options.kafka_kind != KafkaKind::none && options.kafka_brokers.empty()) {
    return {"--kafka (or ONSALE_KAFKA_BROKERS) is needed with --kafka-kind real or embedded"};
  }
  return {};
}

}  // namespace

std::string_view name(KafkaKind kind) {
  switch (kind) {
    case KafkaKind::none:
      return "none";
    case KafkaKind::embedded:
      return "embedded";
    case KafkaKind::real:
      return "real";
  }
  return "none";
}

core::Checked<Options> read_options(std::span<const char* const> arguments, const Environment& environment) {
  using Read = core::Checked<Options>;
  Options options;
  if (auto status = read_environment(environment, options); !status) return Read::failed(status.problem);
  if (auto status = read_arguments(arguments, options); !status) return Read::failed(status.problem);
  if (options.help) return options;
  if (auto status = check(options); !status) return Read::failed(status.problem);
  return options;
}

std::string usage() {
  std::string text =
      "onsale-crowd: sells one event to a crowd of simulated buyers, then checks the stores.\n\n"
      "usage: onsale-crowd [option value]...\n\n";
  for (const auto& setting : settings) {
    std::string line = "  " + std::string{setting.flag};
    line.resize(18, ' ');
    line += setting.help;
    if (setting.variable) line += " [" + std::string{setting.variable} + "]";
    text += line + "\n";
  }
  return text +
         "  --help          this page\n\n"
         "exit status: 0 every invariant held, 1 one broke, 2 the run could not be made or ended.\n";
}

}  // namespace crowd
