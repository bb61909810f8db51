#include "perf/bench/bare.hpp"

#include "perf/bench/machine.hpp"

namespace bench {

namespace {

constexpr int64_t look_ms_max = 20;  // between two looks whether to stop

}  // namespace

core::Status Bare::start() {
  for (uint32_t number = 0; number < options_.threads; ++number) {
    if (auto status = start_thread(number); !status) return status;
  }
  return {};
}

core::Status Bare::start_thread(uint32_t number) {
  std::promise<core::Status> started;
  auto status = started.get_future();
  threads_.emplace_back([this, number, started = std::move(started)]() mutable { serve(number, started); });
  return status.get();
}

// The first thread finds the port, the others take the same.
void Bare::serve(uint32_t number, std::promise<core::Status>& started) {
  net::Loop loop;
  BareServer server{
      loop, answer_, {options_.address, number == 0 ? options_.port : port_.load(), options_.connections_max}};
  auto status = open(number, loop, server);
  const bool good{status};
  if (good) port_ = server.port();
  started.set_value(std::move(status));
  if (!good) return;
  while (!stop_) server.turn(look_ms_max);
  server.close();
}

core::Status Bare::open(uint32_t number, net::Loop& loop, BareServer& server) const {
  if (!options_.cpus.empty()) {
    if (auto pinned = pin_thread(options_.cpus[number % options_.cpus.size()]); !pinned) return pinned;
  }
  if (auto status = loop.open(); !status) return status;
  return server.listen();
}

void Bare::stop() {
  stop_ = true;
  threads_.clear();
}

}  // namespace bench
