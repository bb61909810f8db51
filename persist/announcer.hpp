// Everything this process announces on Kafka, on two threads of its own: one for orders and refunds (PostgreSQL's
// outbox), one for seats and lines (the logs in Redis). Neither waits for the other's server.
// At least once, never before it is recorded, always with the same ce_id. Kafka, PostgreSQL and Redis may all be away.
// Ownership: owns threads, connection and producers; borrows source and log. Thread: the owner's.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "core/error.hpp"
#include "core/log.hpp"
#include "persist/doorbell.hpp"
#include "persist/log_announcer.hpp"
#include "persist/outbox_announcer.hpp"

namespace persist {

class Announcer {
 public:
  struct Settings {
    std::string dsn;
    KafkaSettings kafka;  // without brokers: outbox rows are deleted, cursors follow the newest entry
  };
  // `source` is used from the announcer's thread only, between start() and stop().
  Announcer(Settings settings, LogSource& source, const core::Log& log);
  ~Announcer();
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;

  core::Status start();
  void stop();  // what Kafka has not acknowledged within a second is left to the next process; idempotent

  // Any thread.
  uint64_t orders_announced() const { return outbox_.announced(); }
  uint64_t entries_announced() const { return logs_.announced(); }
  bool reachable() const { return reachable_; }  // Kafka took the last message, or nothing was sent yet

 private:
  void run_outbox();
  void run_logs();

  std::atomic<bool> stopping_{false}, reachable_{true};
  OutboxAnnouncer outbox_;
  LogAnnouncer logs_;
  Doorbell outbox_bell_, logs_bell_;
  std::thread outbox_thread_, logs_thread_;
};

}  // namespace persist
