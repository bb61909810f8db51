#include "persist/announcer.hpp"

#include <system_error>

namespace persist {
namespace {

constexpr int outbox_idle_ms = 50, logs_idle_ms = 10;
constexpr int64_t finish_ms_max = 1000;

}  // namespace

Announcer::Announcer(Settings settings, LogSource& source, const core::Log& log)
    : outbox_{{.dsn = settings.dsn, .kafka = settings.kafka}, log, stopping_},
      logs_{{.dsn = settings.dsn, .kafka = settings.kafka}, source, log} {}

Announcer::~Announcer() { stop(); }

core::Status Announcer::start() {
  try {
    outbox_thread_ = std::thread{[this] { run_outbox(); }};
    logs_thread_ = std::thread{[this] { run_logs(); }};
  } catch (const std::system_error& error) {
    stop();
    return {std::string{"cannot start an announcer thread: "} + error.what()};
  }
  return {};
}

void Announcer::stop() {
  stopping_ = true;
  outbox_bell_.ring();
  logs_bell_.ring();
  if (outbox_thread_.joinable()) outbox_thread_.join();
  if (logs_thread_.joinable()) logs_thread_.join();
}

void Announcer::run_outbox() {
  while (!stopping_)
    if (!outbox_.round()) outbox_bell_.wait(outbox_idle_ms);
}

void Announcer::run_logs() {
  while (!stopping_) {
    if (!logs_.round()) logs_bell_.wait(logs_idle_ms);
    if (logs_.producer()) reachable_ = logs_.producer()->reachable();
  }
  logs_.finish(finish_ms_max);
}

}  // namespace persist
