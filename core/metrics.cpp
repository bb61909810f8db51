#include "core/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/assert.hpp"

namespace core {

namespace {

constexpr std::string_view prefix = "onsale_";

bool valid_name(std::string_view name) {
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// HELP texts escape backslash and line end, label values the quote as well.
std::string escaped(std::string_view text, bool quote) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (quote && c == '"')) out += '\\';
    out += c;
  }
  return out;
}

std::string rendered(MetricLabels labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    ONSALE_ASSERT(valid_name(name));
    fmt::format_to(std::back_inserter(out), "{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(value, true));
  }
  return out;
}

std::string number(double value) { return fmt::format("{}", value); }

}  // namespace

void MetricsText::family(std::string_view name, std::string_view help, std::string_view type) {
  ONSALE_ASSERT(valid_name(name));
  name_ = fmt::format("{}{}", prefix, name);
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name_, escaped(help, false), name_, type);
}

void MetricsText::line(std::string_view suffix, std::string_view labels, std::string_view more_labels,
                       std::string_view value) {
  text_.append(name_).append(suffix);
  if (!labels.empty() || !more_labels.empty()) {
    const std::string_view comma = labels.empty() || more_labels.empty() ? "" : ",";
    fmt::format_to(std::back_inserter(text_), "{{{}{}{}}}", labels, comma, more_labels);
  }
  fmt::format_to(std::back_inserter(text_), " {}\n", value);
}

void MetricsText::sample(uint64_t value, MetricLabels labels) { line("", rendered(labels), "", fmt::to_string(value)); }
void MetricsText::sample(int64_t value, MetricLabels labels) { line("", rendered(labels), "", fmt::to_string(value)); }
void MetricsText::sample(double value, MetricLabels labels) { line("", rendered(labels), "", number(value)); }

Metrics::Metrics(uint32_t shards) {
  for (uint32_t at = 0; at < shards; ++at) shards_.push_back(std::make_unique<MetricsShard>());
}

Counter Metrics::counter(std::string_view name, std::string_view help, MetricLabels labels) {
  std::lock_guard lock{mutex_};
  return {add_series(family(name, help, Kind::counter), labels, 1)};
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, MetricLabels labels) {
  std::lock_guard lock{mutex_};
  return {add_series(family(name, help, Kind::gauge), labels, 1)};
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, std::span<const uint64_t> bounds,
                             double steps_per_unit, MetricLabels labels) {
  ONSALE_ASSERT(std::ranges::is_sorted(bounds) && !bounds.empty());
  std::lock_guard lock{mutex_};
  auto& added = family(name, help, Kind::histogram);
  ONSALE_ASSERT(added.series.empty() || std::ranges::equal(added.bounds, bounds));
  added.bounds = bounds;
  added.steps_per_unit = steps_per_unit;
  return {add_series(added, labels, static_cast<uint32_t>(bounds.size()) + 2), bounds};
}

void Metrics::add_source(Source source) {
  std::lock_guard lock{mutex_};
  sources_.push_back(std::move(source));
}

MetricsShard& Metrics::shard(uint32_t index) {
  ONSALE_ASSERT(index < shards_.size());
  return *shards_[index];
}

Metrics::Family& Metrics::family(std::string_view name, std::string_view help, Kind kind) {
  const auto found = std::ranges::find(families_, name, &Family::name);
  if (found == families_.end()) {
    return families_.emplace_back(Family{std::string{name}, std::string{help}, kind, {}, 1, {}});
  }
  ONSALE_ASSERT(found->kind == kind && found->help == help);
  return *found;
}

uint32_t Metrics::add_series(Family& family, MetricLabels labels, uint32_t cells) {
  ONSALE_ASSERT(cells_used_ + cells <= MetricsShard::cells_max);
  auto text = rendered(labels);
  ONSALE_ASSERT(std::ranges::find(family.series, text, &Series::labels) == family.series.end());
  family.series.push_back({std::move(text), cells_used_});
  cells_used_ += cells;
  return family.series.back().cell;
}

uint64_t Metrics::sum(uint32_t cell) const {
  uint64_t total = 0;  // wraps, so negative parts of a gauge add up as they should
  for (const auto& shard : shards_) total += shard->cells_[cell].load(std::memory_order_relaxed);
  return total;
}

void Metrics::render_histogram(MetricsText& text, const Family& family, const Series& series) const {
  const auto bounds = static_cast<uint32_t>(family.bounds.size());
  uint64_t count = 0;
  for (uint32_t at = 0; at < bounds; ++at) {
    count += sum(series.cell + at);
    const auto bound = fmt::format("le=\"{}\"", static_cast<double>(family.bounds[at]) / family.steps_per_unit);
    text.line("_bucket", series.labels, bound, fmt::to_string(count));
  }
  count += sum(series.cell + bounds);
  text.line("_bucket", series.labels, "le=\"+Inf\"", fmt::to_string(count));
  text.line("_sum", series.labels, "",
            number(static_cast<double>(sum(series.cell + bounds + 1)) / family.steps_per_unit));
  text.line("_count", series.labels, "", fmt::to_string(count));
}

void Metrics::render_family(MetricsText& text, const Family& family) const {
  constexpr std::string_view types[] = {"counter", "gauge", "histogram"};
  text.family(family.name, family.help, types[static_cast<std::size_t>(family.kind)]);
  for (const auto& series : family.series) {
    if (family.kind == Kind::histogram) {
      render_histogram(text, family, series);
    } else if (family.kind == Kind::gauge) {
      text.line("", series.labels, "", fmt::to_string(static_cast<int64_t>(sum(series.cell))));
    } else {
      text.line("", series.labels, "", fmt::to_string(sum(series.cell)));
    }
  }
}

std::string Metrics::render() const {
  MetricsText text;
  std::lock_guard lock{mutex_};
  for (const auto& family : families_) render_family(text, family);
  for (const auto& source : sources_) source(text);
  return std::move(text.text_);
}

}  // namespace core
