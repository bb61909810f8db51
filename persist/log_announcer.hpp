// Announces seats and lines: follows the log of every event whose lease this node gets, sends its entries, and moves
// the event's cursor over what Kafka has, without gaps. Entries that were under way when a node died are sent again by
// the next holder of the lease, with the same ce_id. Without Kafka the cursor follows the newest entry.
// Ownership: owns its producer; borrows the source. Thread: one.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/log.hpp"
#include "persist/announcement.hpp"
#include "persist/contiguous_cursor.hpp"
#include "persist/kafka_producer.hpp"
#include "persist/log_source.hpp"
#include "persist/postgres.hpp"

namespace persist {

class LogAnnouncer : private DeliverySink {
 public:
  struct Settings {
    std::string dsn;  // for dead letters
    KafkaSettings kafka;
    std::size_t window = 4000;  // entries of one event under way
    std::size_t read_max = 500;
  };
  LogAnnouncer(Settings settings, LogSource& source, const core::Log& log);

  // Reads, sends, serves reports, stores cursors. True: look again at once.
  bool round();
  // Waits for reports of what is under way, up to `wait_ms`, and stores the cursors.
  void finish(int64_t wait_ms);
  uint64_t announced() const { return announced_; }  // any thread
  KafkaProducer* producer() { return producer_.get(); }

 private:
  struct Sale {
    std::string event;
    ContiguousCursor cursor;
    int64_t stored = 0;  // the cursor as Redis has it
    bool leased = false, restart = false;
    int64_t lease_again_at_ms = 0, read_again_at_ms = 0, idle_ms = 0;
  };
  struct Flight {
    Sale* sale;
    LogEntry entry;
  };
  void find_sales();
  void keep_lease(Sale& sale, int64_t now_ms);
  bool follow(Sale& sale, int64_t now_ms);
  void skip(Sale& sale);
  bool send(Sale& sale, LogEntry&& entry);
  void store(Sale& sale);
  void put_aside_refused();
  void delivered(uint64_t tag) noexcept override;
  void returned(uint64_t tag) noexcept override;
  void refused(uint64_t tag, std::string_view problem) noexcept override;

  const Settings settings_;
  LogSource& source_;
  const core::Log& log_;
  Postgres postgres_;  // opened when a dead letter has to be written
  std::map<std::string, Sale, std::less<>> sales_;
  std::unordered_map<uint64_t, Flight> flights_;  // by tag
  std::vector<Flight> refused_;
  uint64_t last_tag_ = 0;
  std::atomic<uint64_t> announced_{0};
  std::unique_ptr<KafkaProducer> producer_;  // last: its reports come in until it is gone
};

}  // namespace persist
