// Announces orders and refunds: takes rows from the outbox, sends them, and deletes them when Kafka has them.
//
// No cursor: transactions commit out of order, so a position in the outbox could skip rows that appear behind it. What
// is there is unannounced. One process at a time does it, under a lock of its PostgreSQL session; should two do it
// after a lost connection, or should the process die between Kafka's word and the DELETE, messages repeat with the same
// ce_id.
// Without Kafka the rows are deleted: nobody listens, and they would grow for ever.
// Ownership: owns its connection and producer. Thread: one.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.hpp"
#include "persist/announcement.hpp"
#include "persist/kafka_producer.hpp"
#include "persist/postgres.hpp"

namespace persist {

class OutboxAnnouncer : private DeliverySink {
 public:
  struct Settings {
    std::string dsn;
    KafkaSettings kafka;
    std::size_t rows_max = 2000;  // a round
  };
  OutboxAnnouncer(Settings settings, const core::Log& log, const std::atomic<bool>& stopping);

  // Announces what is there, up to rows_max; blocks until Kafka has it or the process stops. True: look again at once.
  bool round();
  uint64_t announced() const { return announced_; }  // any thread
  KafkaProducer* producer() { return producer_.get(); }

 private:
  enum class Fate : uint8_t { unsent, sent, done, refused };
  bool ready();
  bool load();
  bool send_all();
  bool put_aside_refused();
  bool erase();
  bool failed(const SqlAnswer& answer);
  Fate* fate_of(uint64_t tag);
  void delivered(uint64_t tag) noexcept override;
  void returned(uint64_t tag) noexcept override;
  void refused(uint64_t tag, std::string_view problem) noexcept override;

  const Settings settings_;
  const core::Log& log_;
  const std::atomic<bool>& stopping_;
  Postgres postgres_;
  bool alone_ = false;  // this session has the lock
  int64_t again_at_ms_ = 0;
  uint32_t round_ = 0;  // part of the tags: reports of an abandoned round mean nothing
  std::vector<OutboxRow> rows_;
  std::vector<Fate> fates_;
  std::size_t open_ = 0;  // rows neither done nor refused
  std::atomic<uint64_t> announced_{0};
  std::unique_ptr<KafkaProducer> producer_;  // last: its reports come in until it is gone
};

}  // namespace persist
