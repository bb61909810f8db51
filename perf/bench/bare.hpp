// The bare responder as a whole: threads with a loop each that share a port (SO_REUSEPORT).
// Ownership: owns its threads; stop() or destruction joins them. Thread: the owner's.
#pragma once
#include <atomic>
#include <cstdint>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "perf/bench/bare_options.hpp"
#include "perf/bench/bare_server.hpp"

namespace bench {

class Bare {
 public:
  explicit Bare(BareOptions options) : options_{std::move(options)}, answer_{options_.body_bytes} {}
  ~Bare() { stop(); }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  core::Status start();  // all threads listen when it returns well
  uint16_t port() const { return port_; }
  void stop();

 private:
  core::Status start_thread(uint32_t number);
  void serve(uint32_t number, std::promise<core::Status>& started);
  core::Status open(uint32_t number, net::Loop& loop, BareServer& server) const;

  BareOptions options_;
  BareAnswer answer_;
  std::vector<std::jthread> threads_;
  std::atomic<uint16_t> port_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace bench
