#include "perf/crowd/run.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <memory>
#include <random>
#include <vector>

#include "core/time.hpp"
#include "perf/crowd/buyer.hpp"
#include "perf/crowd/definition.hpp"
#include "perf/crowd/evidence.hpp"
#include "perf/crowd/operator.hpp"
#include "perf/crowd/progress.hpp"
#include "perf/crowd/report.hpp"
#include "perf/crowd/verdict.hpp"

namespace crowd {
namespace {

constexpr int64_t quiet_ms_max = 30'000;

int incomplete(const std::string& problem) {
  fmt::print(stderr, "onsale-crowd: {}\n", problem);
  return exit_incomplete;
}

// A connection or two a buyer.
void allow_many_sockets() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string fresh_event_id(int64_t now_ms) { return fmt::format("crowd-{}", now_ms); }

uint64_t fresh_seed() { return std::random_device{}() | 1u; }

core::Checked<core::Event> create_event(const Options& options) {
  const int64_t now_ms = core::wall_ms();
  const std::string id = options.event.empty() ? fresh_event_id(now_ms) : options.event;
  const std::string definition = render_definition(options, now_ms);
  auto event = core::parse_event(id, definition);
  if (!event) return event;
  event->number_seats();
  if (auto status = Operator{options}.put_on_sale(id, definition); !status) {
    return core::Checked<core::Event>::failed(status.problem);
  }
  return event;
}

// Lets every buyer live to its end. False when some had none: stopped by the time limit, or never answered.
bool let_crowd_loose(Sale& sale) {
  std::vector<std::unique_ptr<Buyer>> buyers;
  buyers.reserve(sale.options.buyers);
  sale.started = Clock::now();
  sale.deadline = sale.started + std::chrono::seconds{sale.options.limit_s};
  for (uint32_t number = 1; number <= sale.options.buyers; ++number) {
    buyers.push_back(std::make_unique<Buyer>(sale, number));
    asio::co_spawn(sale.context, buyers.back()->live(), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  asio::co_spawn(sale.context, show_progress(sale), [](std::exception_ptr) {});
  sale.context.run();
  return sale.endings[static_cast<std::size_t>(Ending::unfinished)] == 0;
}

struct Evidence {
  PostgresEvidence postgres;
  RedisEvidence redis;
  std::optional<KafkaEvidence> kafka;
};

core::Checked<Evidence> gather(const Options& options, const core::Event& event) {
  using Gathered = core::Checked<Evidence>;
  Evidence evidence;
  auto redis = read_redis(options.redis_url, event.id);
  if (!redis) return Gathered::failed(redis.problem);
  auto postgres = read_postgres(options.pg_dsn, event.id);
  if (!postgres) return Gathered::failed(postgres.problem);
  evidence.redis = std::move(*redis);
  evidence.postgres = std::move(*postgres);
  if (options.kafka_kind == KafkaKind::none) return evidence;
  auto kafka = read_kafka(options.kafka_brokers, event);
  if (!kafka) return Gathered::failed(kafka.problem);
  evidence.kafka = std::move(*kafka);
  return evidence;
}

int report_and_judge(const Sale& sale, double sale_s, bool complete) {
  fmt::print("waiting for the writers{}\n", sale.options.kafka_kind == KafkaKind::none ? "" : " and the announcer");
  auto quiet = wait_until_quiet(sale.options, sale.event.id, quiet_ms_max);
  auto evidence = gather(sale.options, sale.event);
  if (!evidence) return incomplete("the sale cannot be judged: " + evidence.problem);
  Verdict verdict = judge(sale.event, sale.ledger, evidence->postgres, evidence->redis, evidence->kafka);
  if (!quiet) verdict.violations.add(quiet.problem);
  Report report{sale, verdict, evidence->kafka, sale_s, complete};
  fmt::print("{}", render_table(report));
  if (!sale.options.report_path.empty()) {
    if (auto written = write_file(sale.options.report_path, render_json(report)); !written) {
      return incomplete(written.problem);
    }
  }
  if (verdict.violations.count() > 0) return exit_broken;
  if (complete) return exit_held;
  return incomplete(fmt::format("{} buyers had not come to an end (--limit is {} s)",
                                sale.endings[static_cast<std::size_t>(Ending::unfinished)], sale.options.limit_s));
}

}  // namespace

int run(const Options& options) {
  allow_many_sockets();
  auto endpoint = resolve(options.url);
  if (!endpoint) return incomplete(endpoint.problem);
  auto event = create_event(options);
  if (!event) return incomplete(event.problem);
  asio::io_context context{1};
  Sale sale{context, options, *event, *endpoint};
  sale.seed = options.seed != 0 ? options.seed : fresh_seed();
  fmt::print("event {}: {} buyers for {} numbered seats and {} standing places at {} (Kafka: {})\n", event->id,
             options.buyers, options.seats, options.standing, options.url, name(options.kafka_kind));
  const bool complete = let_crowd_loose(sale);
  const std::chrono::duration<double> took = Clock::now() - sale.started;
  return report_and_judge(sale, took.count(), complete);
}

}  // namespace crowd
