// Sends messages to Kafka and says what became of each: librdkafka's idempotent producer with acks=all, kept alive.
//
// A message is kept in librdkafka's queue until the brokers have it, however long they are away; a full queue is an
// answer. A fatal error of the producer (sequence desynchronized; known before librdkafka 2.3) gives back everything
// that was under way and starts a new producer. Kafka need not be there when this is constructed.
// Ownership: owns the producer with its threads; borrows the sink and the log. Thread: one; the sink is called inside
// poll() and produce() only.
#pragma once
#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/log.hpp"
#include "persist/backoff.hpp"

namespace persist {

struct KafkaSettings {
  std::string brokers;  // host:port,...; empty: no Kafka
  int replication = 1;  // of topics this program creates
  int partitions = 6;
  int queue_messages_max = 20'000;
};

inline constexpr std::string_view topic_orders = "onsale.orders";
inline constexpr std::string_view topic_inventory = "onsale.inventory";
inline constexpr std::string_view topic_line = "onsale.line";

// A CloudEvents 1.0 message in binary mode: attributes as headers, data as the value.
struct Announcement {
  std::string_view topic;
  std::string key;  // decides the partition
  std::string id;   // ce_id, stable over repetitions
  std::string type;
  std::string source;  // "/onsale/events/<event>"
  std::string subject;
  int64_t at_ms = 0;
  std::string data;  // JSON
};

// What became of a message, by the tag it was sent with; exactly one call a message.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;
  virtual void delivered(uint64_t tag) noexcept = 0;
  virtual void returned(uint64_t tag) noexcept = 0;                           // send it again; Kafka may have it, too
  virtual void refused(uint64_t tag, std::string_view problem) noexcept = 0;  // it will never be taken
};

class KafkaProducer {
 public:
  KafkaProducer(KafkaSettings settings, DeliverySink& sink, const core::Log& log);
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  // Copies the message. Errors: overload (the queue is full: poll, then again), unavailable (no producer could be made:
  // the settings are wrong), protocol (never acceptable, e.g. too large). With an error the sink hears nothing of it.
  core::Error produce(const Announcement& message, uint64_t tag);
  // Serves reports for up to `wait_ms`; makes a new producer after a fatal error.
  void poll(int wait_ms);
  bool reachable() const { return reachable_; }
  uint64_t restarts() const { return restarts_; }
  rd_kafka_t* handle() { return kafka_.get(); }  // for tests

 private:
  struct Destroy {
    void operator()(rd_kafka_t* kafka) const { rd_kafka_destroy(kafka); }
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };
  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
  static void on_error(rd_kafka_t*, int error, const char* reason, void* self);
  void start();
  void give_back_all();
  void request_topics();
  void take_topics();
  void topics_failed(std::string_view problem);

  KafkaSettings settings_;
  DeliverySink& sink_;
  const core::Log& log_;
  std::unique_ptr<rd_kafka_queue_t, Destroy> admin_;  // results of the topics' creation; empty once they are there
  std::unique_ptr<rd_kafka_t, Destroy> kafka_;
  Backoff topics_backoff_{1000, 30'000};
  int64_t topics_again_at_ms_ = 0;  // 0: a request is under way
  bool reachable_ = true, fatal_ = false;
  uint64_t restarts_ = 0;
};

}  // namespace persist
