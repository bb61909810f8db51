#include "perf/crowd/report.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "core/json_writer.hpp"

namespace crowd {
namespace {

using Writer = core::JsonWriter<std::string>;

double ms(uint64_t value_us) { return static_cast<double>(value_us) / 1000.0; }

void append_steps(const Statistics& statistics, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:<14}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "step", "requests", "p50 ms",
                 "p95 ms", "p99 ms", "max ms");
  for (std::size_t at = 0; at < steps_count; ++at) {
    const auto step = static_cast<Step>(at);
    const auto& count = statistics.at(step);
    if (count.requests == 0) continue;
    fmt::format_to(std::back_inserter(out), "{:<14}{:>10}{:>10.2f}{:>10.2f}{:>10.2f}{:>10.2f}\n", name(step),
                   count.requests, ms(count.took.percentile_us(50)), ms(count.took.percentile_us(95)),
                   ms(count.took.percentile_us(99)), ms(count.took.max_us()));
  }
}

constexpr std::size_t label_columns = 30, line_columns_max = 118;

// "code count, code count", broken into lines that line up behind the label.
std::string listed(const std::map<std::string, uint64_t>& codes) {
  std::string text, line;
  for (const auto& [code, count] : codes) {
    std::string entry = fmt::format("{} {}", code, count);
    if (label_columns + line.size() + entry.size() > line_columns_max) {
      text += line + ",\n" + std::string(label_columns, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : ", ") + entry;
  }
  return codes.empty() ? "none" : text + line;
}

std::string listed_endings(const Sale& sale) {
  std::string text;
  for (std::size_t at = 0; at < endings_count; ++at) {
    if (sale.endings[at] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name(static_cast<Ending>(at)), sale.endings[at]);
  }
  return text;
}

void append_result(const Report& report, std::string& out) {
  const auto& verdict = report.verdict;
  const auto kind = report.sale.options.kafka_kind;
  auto line = [&out](std::string_view label, const std::string& value) {
    fmt::format_to(std::back_inserter(out), "{:<{}}{}\n", label, label_columns, value);
  };
  line("sold", fmt::format("{} of {} seats", verdict.sold, report.sale.event.seat_count));
  line("oversold", fmt::format("{}", verdict.oversold));
  line("places lost", fmt::format("{}", verdict.places_lost));
  line("orders confirmed to buyers", fmt::format("{}", verdict.orders_confirmed));
  line("orders recorded, PostgreSQL", fmt::format("{}", verdict.orders_recorded));
  line("orders announced, Kafka",
       kind == KafkaKind::none ? "no Kafka in this run"
                               : fmt::format("{} ({}{})", verdict.orders_announced, name(kind),
                                             kind == KafkaKind::embedded ? ": librdkafka's stand-in, no broker" : ""));
  if (report.kafka) {
    line("messages of this sale", fmt::format("{} ({} repeated)", report.kafka->messages, report.kafka->repeated));
    if (report.kafka->truncated) line("", "the broker had dropped old messages: completeness was not judged");
  }
  line("buyers", listed_endings(report.sale));
  line("outcomes", listed(report.sale.statistics.outcomes()));
  line("errors", listed(report.sale.statistics.errors_by_step()));
}

void append_violations(const Violations& violations, std::string& out) {
  if (violations.count() == 0) {
    out += "\nEvery invariant held.\n";
    return;
  }
  fmt::format_to(std::back_inserter(out), "\n{} violation(s):\n", violations.count());
  constexpr std::size_t shown_max = 40;
  const auto& kept = violations.kept();
  for (std::size_t at = 0; at < kept.size() && at < shown_max; ++at) out += "  " + kept[at] + "\n";
  if (violations.count() > shown_max) out += "  ... (the report file has more of them)\n";
}

void write_codes(Writer& json, std::string_view label, const std::map<std::string, uint64_t>& codes) {
  json.key(label).begin_object();
  for (const auto& [code, count] : codes) json.member(code, static_cast<int64_t>(count));
  json.end_object();
}

void write_ms(Writer& json, std::string_view label, uint64_t value_us) {
  json.key(label).raw(fmt::format("{:.3f}", ms(value_us)));
}

void write_steps(Writer& json, const Statistics& statistics) {
  json.key("steps").begin_object();
  for (std::size_t at = 0; at < steps_count; ++at) {
    const auto step = static_cast<Step>(at);
    const auto& count = statistics.at(step);
    if (count.requests == 0) continue;
    json.key(name(step)).begin_object().member("requests", static_cast<int64_t>(count.requests));
    write_ms(json, "p50_ms", count.took.percentile_us(50));
    write_ms(json, "p95_ms", count.took.percentile_us(95));
    write_ms(json, "p99_ms", count.took.percentile_us(99));
    write_ms(json, "max_ms", count.took.max_us());
    json.end_object();
  }
  json.end_object();
}

void write_endings(Writer& json, const Sale& sale) {
  json.key("endings").begin_object();
  for (std::size_t at = 0; at < endings_count; ++at) {
    json.member(name(static_cast<Ending>(at)), static_cast<int64_t>(sale.endings[at]));
  }
  json.end_object();
}

void write_violations(Writer& json, const Violations& violations) {
  json.key("violations").begin_array();
  for (const auto& sentence : violations.kept()) json.text(sentence);
  json.end_array().member("violations_count", static_cast<int64_t>(violations.count()));
}

void write_counts(Writer& json, const Report& report) {
  const auto& options = report.sale.options;
  const std::pair<std::string_view, uint64_t> counts[] = {
      {"buyers", options.buyers},
      {"seats", report.sale.event.seat_count},
      {"seats_numbered", options.seats},
      {"seats_standing", options.standing},
      {"sold", report.verdict.sold},
      {"oversold", report.verdict.oversold},
      {"places_lost", report.verdict.places_lost},
      {"orders_confirmed", report.verdict.orders_confirmed},
      {"orders_recorded", report.verdict.orders_recorded},
      {"orders_announced", report.verdict.orders_announced},
      {"requests", report.sale.statistics.requests_total()},
  };
  for (const auto& [label, count] : counts) json.member(label, static_cast<int64_t>(count));
}

}  // namespace

std::string render_table(const Report& report) {
  std::string out;
  fmt::format_to(std::back_inserter(out), "\nevent {}, {} buyers, {:.1f} s, {} requests, seed {}{}\n\n",
                 report.sale.event.id, report.sale.options.buyers, report.sale_s,
                 report.sale.statistics.requests_total(), report.sale.seed,
                 report.complete ? "" : " (not all buyers came to an end)");
  append_steps(report.sale.statistics, out);
  out += "\n";
  append_result(report, out);
  append_violations(report.verdict.violations, out);
  return out;
}

std::string render_json(const Report& report) {
  std::string out;
  Writer json{out};
  json.begin_object().member("event", report.sale.event.id);
  write_counts(json, report);
  write_violations(json, report.verdict.violations);
  write_codes(json, "errors", report.sale.statistics.errors());
  write_codes(json, "errors_by_step", report.sale.statistics.errors_by_step());
  write_codes(json, "outcomes", report.sale.statistics.outcomes());
  write_steps(json, report.sale.statistics);
  write_endings(json, report.sale);
  json.member("kafka", name(report.sale.options.kafka_kind)).member("complete", report.complete);
  json.member("seed", std::to_string(report.sale.seed)).key("sale_s").raw(fmt::format("{:.3f}", report.sale_s));
  json.end_object();
  return out + "\n";
}

core::Status write_file(const std::string& path, const std::string& content) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (!file) return {fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return {};
  return {fmt::format("cannot write {}: {}", path, std::strerror(errno))};
}

}  // namespace crowd
