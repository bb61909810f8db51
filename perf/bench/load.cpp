#include "perf/bench/load.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "perf/bench/lane.hpp"
#include "perf/bench/machine.hpp"

namespace bench {

namespace {

constexpr auto watch_interval = std::chrono::milliseconds{100};
constexpr int64_t begin_delay_ns = 5'000'000;  // so that all threads learn the instant before it comes

std::string target_text(const LoadOptions& options) {
  const auto address = options.address.text();
  return (options.address.is_v4() ? address : "[" + address + "]") + ":" + std::to_string(options.port);
}

// 127.0.1.1, 127.0.1.2, ...: a thousand connections to one address find a free port much faster than twenty thousand.
std::vector<Destination> destinations(const LoadOptions& options) {
  constexpr uint32_t hosts = 250;
  std::vector<Destination> all(options.spread);
  for (uint32_t at = 0; at < options.spread; ++at) {
    auto address = options.address;
    if (options.spread > 1) {
      const auto text = "127.0." + std::to_string(1 + at / hosts) + "." + std::to_string(1 + at % hosts);
      address = *net::IpAddress::parse(text);
    }
    all[at].size = address.write(options.port, all[at].storage);
  }
  return all;
}

// So that a mistyped port is one sentence and not a report of zeros.
core::Status check_target(const LoadOptions& options, const Destination& destination) {
  const int fd = ::socket(destination.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool good = fd >= 0 && ::connect(fd, &destination.address(), destination.size) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (good) return {};
  return {"nothing answers at " + target_text(options) + " (" + std::strerror(error) + "); is the server running?"};
}

// The lanes of one run, each on its thread.
class Crew {
 public:
  explicit Crew(const Plan& plan) : problems_(plan.options.threads) {
    for (uint32_t number = 0; number < plan.options.threads; ++number) {
      lanes_.push_back(std::make_unique<Lane>(plan, number));
    }
  }

  core::Status run(const Watch& watch) {
    std::vector<std::jthread> threads;
    for (std::size_t at = 0; at < lanes_.size(); ++at) {
      threads.emplace_back([this, at] {
        problems_[at] = lanes_[at]->run(control_);
        ++ended_;
      });
    }
    wait(watch, [this] { return control_.ready == lanes_.size(); });
    control_.begin_ns = clock_ns() + begin_delay_ns;
    wait(watch, [this] { return ended_ == lanes_.size(); });
    threads.clear();
    const auto failed = std::ranges::find_if(problems_, [](const auto& status) { return !status; });
    return failed == problems_.end() ? core::Status{} : *failed;
  }

  LoadResult result(const LoadOptions& options) const {
    LoadResult result{Tally{options.expect, static_cast<uint32_t>(std::ceil(options.seconds))}, 0};
    int64_t ended_ns = 0;
    for (const auto& lane : lanes_) {
      result.tally.add(lane->tally());
      ended_ns = std::max(ended_ns, lane->ended_ns());
    }
    if (options.order == Order::once) ended_ns = std::min(ended_ns, result.tally.last_answer_ns());
    const auto begin_ns = control_.begin_ns + static_cast<int64_t>(options.warm_up_seconds * 1e9);
    result.seconds = std::clamp(static_cast<double>(ended_ns - begin_ns) / 1e9, 0.0, options.seconds);
    return result;
  }

 private:
  template <class Until>
  void wait(const Watch& watch, Until until) {
    for (auto next = std::chrono::steady_clock::now() + watch_interval; !until();) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
      if (std::chrono::steady_clock::now() < next) continue;
      next += watch_interval;
      uint64_t answered = 0;
      for (const auto& lane : lanes_) answered += lane->answered_live();
      if (!watch(answered)) control_.stop = true;
    }
  }

  Control control_;
  std::atomic<std::size_t> ended_{0};
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<core::Status> problems_;
};

}  // namespace

core::Checked<Supply> make_supply(const LoadOptions& options) {
  using Made = core::Checked<Supply>;
  if (options.connections == 0) return Supply{};
  const auto text = read_file(options.requests_path);
  if (!text) return Made::failed(text.problem);
  const auto lines = parse_requests(*text.value, options.requests_path);
  if (!lines) return Made::failed(lines.problem);
  return Supply{*lines.value, target_text(options), options.order, options.connections, options.pipeline};
}

core::Checked<LoadResult> run_load(const LoadOptions& options, const Supply& supply, const Watch& watch) {
  using Ran = core::Checked<LoadResult>;
  const Plan plan{options, supply, destinations(options)};
  if (auto status = check_target(options, plan.destinations.front()); !status) return Ran::failed(status.problem);
  Crew crew{plan};
  if (auto status = crew.run(watch); !status) return Ran::failed(status.problem);
  return crew.result(options);
}

}  // namespace bench
