// One sale as all its buyers share it: where it is, what is on sale, when it must end, and the books kept about it.
// Ownership: main owns the Sale; buyers and sessions refer to it and die before it. Thread: the crowd's only thread.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/event.hpp"
#include "perf/crowd/definition.hpp"
#include "perf/crowd/http_client.hpp"
#include "perf/crowd/ledger.hpp"
#include "perf/crowd/options.hpp"
#include "perf/crowd/statistics.hpp"
#include "perf/crowd/task.hpp"

namespace crowd {

enum class Stage : uint8_t { away, in_line, admitted, holding, finished };
inline constexpr std::size_t stages_count = 5;

enum class Ending : uint8_t { ordered, sold_out, closed, left, vanished, unfinished };
inline constexpr std::size_t endings_count = 6;
std::string_view name(Ending ending);

// The latest holds, for the curious who try to look at somebody else's.
class RecentHolds {
 public:
  struct Entry {
    std::string hold, user;
  };
  void add(Entry entry) { entries_[next_++ % entries_.size()] = std::move(entry); }
  // A hold of another than `user`; null when there is none.
  const Entry* of_other(const std::string& user) const {
    auto found = std::find_if(entries_.begin(), entries_.end(),
                              [&](const Entry& entry) { return !entry.hold.empty() && entry.user != user; });
    return found == entries_.end() ? nullptr : &*found;
  }

 private:
  std::array<Entry, 16> entries_;
  std::size_t next_ = 0;
};

struct Sale {
  Sale(asio::io_context& the_context, const Options& the_options, const core::Event& the_event, Endpoint the_endpoint)
      : context{the_context}, options{the_options}, event{the_event}, endpoint{std::move(the_endpoint)} {}
  Sale(const Sale&) = delete;
  Sale& operator=(const Sale&) = delete;

  asio::io_context& context;
  const Options& options;
  const core::Event& event;
  const Endpoint endpoint;
  Statistics statistics;
  Ledger ledger;
  RecentHolds recent_holds;
  std::array<uint32_t, stages_count> people{};  // by stage
  std::array<uint32_t, endings_count> endings{};
  Clock::time_point started{}, deadline{};  // after the deadline nobody starts anything new
  uint64_t seed = 0;

  std::optional<Clock::time_point> frozen_at{};  // last time that somebody was told so

  // The sale was rebuilt a moment ago, and its line may not be complete yet.
  bool line_forms_again() const {
    return frozen_at && Clock::now() < *frozen_at + std::chrono::seconds{line_reform_s} + milliseconds{5000};
  }
  bool over() const { return Clock::now() >= deadline; }
  Task<> pause(milliseconds duration) const { return sleep_until(std::min(Clock::now() + duration, deadline)); }
};

}  // namespace crowd
