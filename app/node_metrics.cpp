// What the parts of a node count, as Prometheus reads it.
#include "app/node.hpp"
#include "net/metrics.hpp"

namespace app {
namespace {

using core::MetricsText;

// One family with a sample a core.
template <class Read>
void per_core(MetricsText& text, const std::vector<std::unique_ptr<Core>>& cores, Read read) {
  for (const auto& core : cores) text.sample(uint64_t{read(*core)}, {{"core", std::to_string(core->index())}});
}

struct CoreCounter {
  std::string_view name, help;
  uint64_t (*read)(const Core& core);
};

constexpr CoreCounter core_counters[] = {
    {"redis_commands_total", "Commands sent to Redis",
     [](const Core& c) { return c.link().metrics().commands.value(); }},
    {"redis_sends_total", "Sends to Redis; commands / sends tells how well turns batch",
     [](const Core& c) { return c.link().metrics().sends.value(); }},
    {"redis_timeouts_total", "Commands without an answer in time",
     [](const Core& c) { return c.link().metrics().timeouts.value(); }},
    {"redis_refused_total", "Commands not sent: overload, or Redis away or not trusted",
     [](const Core& c) { return c.link().metrics().refused.value(); }},
    {"redis_losses_total", "Connections to Redis lost",
     [](const Core& c) { return c.link().metrics().losses.value(); }},
    {"line_admitted_total", "Users let in by this node's crank",
     [](const Core& c) { return c.crank().metrics().admitted.value(); }},
    {"holds_expired_total", "Holds ended by this node's crank",
     [](const Core& c) { return c.crank().metrics().expired_holds.value(); }},
    {"admissions_expired_total", "Admissions ended by this node's crank",
     [](const Core& c) { return c.crank().metrics().expired_admissions.value(); }},
};

}  // namespace

void Node::write_core_metrics(MetricsText& text) const {
  for (const auto& counter : core_counters) {
    text.counter(counter.name, counter.help);
    per_core(text, cores_, counter.read);
  }
  std::vector<const net::LoopMetrics*> loops;
  std::vector<const net::ServerMetrics*> servers;
  for (const auto& core : cores_) {
    loops.push_back(&core->loop().metrics());
    servers.push_back(&core->server().metrics());
  }
  net::write_metrics(text, loops);
  net::write_metrics(text, servers);
  text.gauge("redis_up", "1 while connected and greeted");
  per_core(text, cores_, [](const Core& c) { return c.link().metrics().up.value(); });
}

void Node::write_writer_metrics(MetricsText& text) const {
  const auto figures = writers_->figures();
  text.counter("orders_recorded_total", "Orders and refusals PostgreSQL has answered"), text.sample(figures.recorded);
  text.counter("record_transactions_total", "Transactions committed"), text.sample(figures.transactions);
  text.counter("orders_rejected_total", "Orders PostgreSQL refused: must stay 0"), text.sample(figures.rejected);
  text.counter("record_stale_total", "Rows refused for their epoch"), text.sample(figures.stale);
  text.counter("record_retries_total", "Batches repeated"), text.sample(figures.retries);
  text.counter("dead_letters_total", "Rows that could not be recorded"), text.sample(figures.dead_letters);
  text.gauge("postgres_reachable", "1 when every writer's last attempt got through");
  text.sample(uint64_t{figures.reachable});
  text.counter("orders_announced_total", "Order and refund messages Kafka has acknowledged");
  text.sample(announcer_->orders_announced());
  text.counter("log_announced_total", "Log entries Kafka has acknowledged"),
      text.sample(announcer_->entries_announced());
  text.gauge("kafka_reachable", "1 when Kafka took the last message"), text.sample(uint64_t{announcer_->reachable()});
}

void Node::add_metrics() {
  metrics_.add_source([](MetricsText& text) {
    text.gauge("build_info", "The version that runs");
    text.sample(uint64_t{1}, {{"version", version}});
  });
  metrics_.add_source([this](MetricsText& text) { write_core_metrics(text); });
  metrics_.add_source([this](MetricsText& text) { write_writer_metrics(text); });
  metrics_.add_source([this](MetricsText& text) { keeper_->write_metrics(text); });
}

}  // namespace app
