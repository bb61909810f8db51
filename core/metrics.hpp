// Numbers for Prometheus: counters, gauges and histograms, counted per thread and summed when somebody looks.
//
// At start-up `main` registers series and gets small handles; each counting thread then owns one MetricsShard, a block
// of cells no other thread writes, so counting is a plain load and store without a locked instruction or a shared
// cache line. Numbers that others keep already (of a loop, of a link) are not copied: a source writes them into the
// text when it is rendered.
// Ownership: Metrics owns the shards and outlives who counts. Thread: register and add sources from one thread before
// counting begins; a shard is written by one thread; render() from any.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace core {

struct MetricLabel {
  std::string_view name, value;
};
using MetricLabels = std::initializer_list<MetricLabel>;

struct Counter {
  uint32_t cell = 0;
};
struct Gauge {
  uint32_t cell = 0;
};
// Cells: one a bound, one for what lies above all bounds, one for the sum.
struct Histogram {
  uint32_t cell = 0;
  std::span<const uint64_t> bounds;  // upper ends, inclusive, ascending
};

// Durations around what users notice, in microseconds; rendered as seconds with 1e6 steps a unit.
inline constexpr std::array<uint64_t, 12> duration_bounds_us = {250,    500,    1000,    2500,    5000,      10'000,
                                                                25'000, 50'000, 100'000, 250'000, 1'000'000, 5'000'000};

class MetricsShard {
 public:
  static constexpr uint32_t cells_max = 4096;

  void add(Counter counter, uint64_t amount = 1) { bump(counter.cell, amount); }
  void set(Gauge gauge, int64_t value) {
    cells_[gauge.cell].store(static_cast<uint64_t>(value), std::memory_order_relaxed);
  }
  void add(Gauge gauge, int64_t amount) { bump(gauge.cell, static_cast<uint64_t>(amount)); }
  void observe(const Histogram& histogram, uint64_t value) {
    uint32_t bucket = 0;
    while (bucket < histogram.bounds.size() && value > histogram.bounds[bucket]) ++bucket;
    bump(histogram.cell + bucket, 1);
    bump(histogram.cell + static_cast<uint32_t>(histogram.bounds.size()) + 1, value);
  }

 private:
  friend class Metrics;
  void bump(uint32_t cell, uint64_t amount) {
    auto& value = cells_[cell];
    value.store(value.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  alignas(64) std::array<std::atomic<uint64_t>, cells_max> cells_{};
};

// The text format 0.0.4 while it is written. A family is opened once, its samples follow.
class MetricsText {
 public:
  void counter(std::string_view name, std::string_view help) { family(name, help, "counter"); }
  void gauge(std::string_view name, std::string_view help) { family(name, help, "gauge"); }
  void sample(uint64_t value, MetricLabels labels = {});  // of the family opened last
  void sample(int64_t value, MetricLabels labels = {});
  void sample(double value, MetricLabels labels = {});

 private:
  friend class Metrics;
  void family(std::string_view name, std::string_view help, std::string_view type);
  void line(std::string_view suffix, std::string_view labels, std::string_view more_labels, std::string_view value);
  std::string text_, name_;
};

class Metrics {
 public:
  using Source = std::function<void(MetricsText&)>;

  explicit Metrics(uint32_t shards);

  // Names come without the prefix "onsale_". Series of one name have one help and kind; `bounds` lives for ever.
  Counter counter(std::string_view name, std::string_view help, MetricLabels labels = {});
  Gauge gauge(std::string_view name, std::string_view help, MetricLabels labels = {});  // summed over the shards
  // Values and bounds are whole steps, rendered as units: microseconds as seconds with `steps_per_unit` 1e6.
  Histogram histogram(std::string_view name, std::string_view help, std::span<const uint64_t> bounds,
                      double steps_per_unit, MetricLabels labels = {});
  // Called at each rendering, on the thread that renders. A source must not open families of another's name.
  void add_source(Source source);

  MetricsShard& shard(uint32_t index);
  std::string render() const;

 private:
  enum class Kind : uint8_t { counter, gauge, histogram };
  struct Series {
    std::string labels;  // rendered: name="value",...
    uint32_t cell;
  };
  struct Family {
    std::string name, help;
    Kind kind;
    std::span<const uint64_t> bounds;
    double steps_per_unit;
    std::vector<Series> series;
  };
  Family& family(std::string_view name, std::string_view help, Kind kind);
  uint32_t add_series(Family& family, MetricLabels labels, uint32_t cells);
  uint64_t sum(uint32_t cell) const;
  void render_family(MetricsText& text, const Family& family) const;
  void render_histogram(MetricsText& text, const Family& family, const Series& series) const;

  mutable std::mutex mutex_;  // over everything but the cells
  std::vector<std::unique_ptr<MetricsShard>> shards_;
  std::vector<Family> families_;
  std::vector<Source> sources_;
  uint32_t cells_used_ = 0;
};

}  // namespace core
