#include "perf/crowd/options.hpp"

namespace crowd {
namespace {

namespace option = core::option;

constexpr std::string_view kafka_kinds[] = {"none", "embedded", "real"};  // as KafkaKind counts

void add_places(core::CommandLine& line, Options& options) {
  line.add("--url", "URL", "public listener, http://HOST:PORT", option::text(options.url), "ONSALE_URL");
  line.add("--ops-url", "URL", "operations listener", option::text(options.ops_url), "ONSALE_OPS_URL");
  line.add("--admin-token", "TOKEN", "operator's bearer token", option::text(options.admin_token),
           "ONSALE_ADMIN_TOKEN");
  line.add("--user-header", "NAME", "header that carries the user's identity", option::text(options.user_header),
           "ONSALE_USER_HEADER");
  line.add("--redis", "URL", "redis://[:PASSWORD@]HOST:PORT, read to verify", option::text(options.redis_url),
           "ONSALE_REDIS_URL");
  line.add("--pg", "DSN", "libpq connection string, read to verify", option::text(options.pg_dsn), "ONSALE_PG_DSN");
  line.add("--kafka", "HOST:PORT,...", "brokers, read to verify", option::text_or_empty(options.kafka_brokers),
           "ONSALE_KAFKA_BROKERS");
  line.add("--kafka-kind", "KIND", "real, embedded or none; the report says which",
           option::word(kafka_kinds, options.kafka_kind), "ONSALE_KAFKA_KIND");
}

void add_sale(core::CommandLine& line, Options& options) {
  line.add("--buyers", "N", "simulated people", option::number(options.buyers, 1, UINT32_MAX));
  line.add("--seats", "N", "numbered seats on sale", option::number(options.seats, 0, UINT32_MAX));
  line.add("--standing", "N", "standing places on sale", option::number(options.standing, 0, UINT32_MAX));
  line.add("--limit", "S", "seconds the sale may last", option::number(options.limit_s, 0, UINT32_MAX));
  line.add("--seed", "N", "repeats a crowd's decisions",
           option::number(options.seed).otherwise("a fresh one, the report names it"));
  line.add("--event", "ID", "of the event to create", option::text_or_empty(options.event).otherwise("a fresh one"));
  line.add("--report", "FILE", "for the report as JSON", option::text_or_empty(options.report_path));
}

core::CommandLine command_line(Options& options) {
  core::CommandLine line{{"onsale-crowd", "sells one event to a crowd of simulated buyers, then checks the stores",
                          "0 every invariant held, 1 one broke, 2 the run could not be made or ended"}};
  add_places(line, options);
  add_sale(line, options);
  return line;
}

core::Status check(const Options& options) {
  if (options.seats + options.standing == 0) return {"nothing is on sale: --seats and --standing are both 0"};
  if (options.admin_token.empty()) return {"--admin-token (or ONSALE_ADMIN_TOKEN) is needed to create the event"};
  if (options.pg_dsn.empty()) return {"--pg (or ONSALE_PG_DSN) is needed to verify the sale"};
  if (options.kafka_kind != KafkaKind::none && options.kafka_brokers.empty()) {
    return {"--kafka (or ONSALE_KAFKA_BROKERS) is needed with --kafka-kind real or embedded"};
  }
  return {};
}

}  // namespace

std::string_view name(KafkaKind kind) { return kafka_kinds[static_cast<std::size_t>(kind)]; }

core::Checked<Options> read_options(std::span<const char* const> words,
                                    const core::CommandLine::Environment& environment) {
  using Read = core::Checked<Options>;
  Options options;
  auto line = command_line(options);
  if (auto status = line.read(words, environment); !status) return Read::failed(status.problem);
  options.help_wanted = line.help_wanted();
  if (options.help_wanted) return options;
  if (auto status = check(options); !status) return Read::failed(status.problem);
  return options;
}

std::string usage() {
  Options options;
  return command_line(options).usage();
}

}  // namespace crowd
