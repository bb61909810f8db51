#include "persist/kafka_producer.hpp"

#include <array>
#include <utility>

#include "core/time.hpp"

namespace persist {
namespace {

using Options = std::array<std::pair<const char*, std::string>, 10>;

Options options_of(const KafkaSettings& settings) {
  return {{{"bootstrap.servers", settings.brokers},
           {"client.id", "onsale"},
           {"enable.idempotence", "true"},
           {"acks", "all"},
           {"message.timeout.ms", "0"},  // for ever: the outbox and the log are still there, so is the message
           {"linger.ms", "5"},
           {"partitioner", "murmur2_random"},  // as the Java client, so that consumers can compute partitions
           {"queue.buffering.max.messages", std::to_string(settings.queue_messages_max)},
           {"reconnect.backoff.max.ms", "2000"},
           {"log_level", "2"}}};  // what matters comes through the error callback
}

rd_kafka_headers_t* headers_of(const Announcement& message) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(7);
  auto add = [&](std::string_view name, std::string_view value) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  };
  add("ce_specversion", "1.0");
  add("ce_id", message.id);
  add("ce_source", message.source);
  add("ce_type", message.type);
  add("ce_time", core::rfc3339(message.at_ms));
  add("ce_subject", message.subject);
  add("content-type", "application/json");
  return headers;
}

// The message itself is at fault; everything else can get better by itself or by an operator's hand.
bool hopeless(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
         error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE || error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

uint64_t tag_of(const void* opaque) { return reinterpret_cast<uintptr_t>(opaque); }
void* opaque_of(uint64_t tag) { return reinterpret_cast<void*>(static_cast<uintptr_t>(tag)); }

}  // namespace

KafkaProducer::KafkaProducer(KafkaSettings settings, DeliverySink& sink, const core::Log& log)
    : settings_{std::move(settings)}, sink_{sink}, log_{log} {
  start();
}

KafkaProducer::~KafkaProducer() {
  if (kafka_) give_back_all();
}

void KafkaProducer::start() {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char problem[512] = "";
  bool good = true;
  for (const auto& [name, value] : options_of(settings_))
    good = good && rd_kafka_conf_set(conf, name, value.c_str(), problem, sizeof problem) == RD_KAFKA_CONF_OK;
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_dr_msg_cb(conf, &KafkaProducer::on_report);
  rd_kafka_conf_set_error_cb(conf, &KafkaProducer::on_error);
  if (good) kafka_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem, sizeof problem));
  if (!kafka_) {
    log_.error("kafka_producer_impossible", {{"problem", std::string_view{problem}}});
    return rd_kafka_conf_destroy(conf);
  }
  request_topics();
}

void KafkaProducer::on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  auto& producer = *static_cast<KafkaProducer*>(self);
  const uint64_t tag = tag_of(message->_private);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (!std::exchange(producer.reachable_, true)) producer.log_.info("kafka_reachable");
    return producer.sink_.delivered(tag);
  }
  if (hopeless(message->err)) return producer.sink_.refused(tag, rd_kafka_err2name(message->err));
  producer.sink_.returned(tag);
}

void KafkaProducer::on_error(rd_kafka_t*, int error, const char* reason, void* self) {
  auto& producer = *static_cast<KafkaProducer*>(self);
  if (error == RD_KAFKA_RESP_ERR__FATAL) producer.fatal_ = true;
  if (error != RD_KAFKA_RESP_ERR__FATAL && error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
  if (std::exchange(producer.reachable_, false)) producer.log_.warning("kafka_unreachable", {{"problem", reason}});
}

core::Error KafkaProducer::produce(const Announcement& message, uint64_t tag) {
  if (!kafka_) return core::Error::unavailable;
  rd_kafka_headers_t* headers = headers_of(message);
  const std::string topic{message.topic};
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      kafka_.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_KEY(message.key.data(), message.key.size()),
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): it is copied; the parameter is older than const
      RD_KAFKA_V_VALUE(const_cast<char*>(message.data.data()), message.data.size()), RD_KAFKA_V_HEADERS(headers),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque_of(tag)), RD_KAFKA_V_END);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return core::Error::none;
  rd_kafka_headers_destroy(headers);
  if (hopeless(error)) return core::Error::protocol;
  // A fatal error refuses every message until poll() has made a new producer.
  if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fatal_ = fatal_ || rd_kafka_fatal_error(kafka_.get(), nullptr, 0) != 0;
  return core::Error::overload;
}

void KafkaProducer::poll(int wait_ms) {
  if (!kafka_) return;
  rd_kafka_poll(kafka_.get(), wait_ms);
  take_topics();
  if (!std::exchange(fatal_, false)) return;
  log_.error("kafka_producer_restarts");
  give_back_all();
  ++restarts_;
  start();
}

// Every message under way is reported, as returned or (its report was waiting) as delivered, and the producer ends.
void KafkaProducer::give_back_all() {
  rd_kafka_purge(kafka_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  while (rd_kafka_outq_len(kafka_.get()) > 0) rd_kafka_poll(kafka_.get(), 10);
  admin_.reset();
  kafka_.reset();
}

void KafkaProducer::request_topics() {
  admin_.reset(rd_kafka_queue_new(kafka_.get()));
  std::array<rd_kafka_NewTopic_t*, 3> topics{};
  char problem[256] = "";
  for (std::size_t at = 0; std::string_view topic : {topic_orders, topic_inventory, topic_line})
    topics[at++] = rd_kafka_NewTopic_new(std::string{topic}.c_str(), settings_.partitions, settings_.replication,
                                         problem, sizeof problem);
  topics_again_at_ms_ = 0;
  if (topics.back() == nullptr) return topics_failed(problem);
  rd_kafka_CreateTopics(kafka_.get(), topics.data(), topics.size(), nullptr, admin_.get());
  rd_kafka_NewTopic_destroy_array(topics.data(), topics.size());
}

// Looks whether the topics are there. A cluster that does not let us create topics has them made by its operator.
void KafkaProducer::take_topics() {
  if (!admin_) return;
  if (topics_again_at_ms_ != 0) {
    if (core::monotonic_ms() >= topics_again_at_ms_) request_topics();
    return;
  }
  std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)> event{rd_kafka_queue_poll(admin_.get(), 0),
                                                                       &rd_kafka_event_destroy};
  if (!event) return;
  rd_kafka_resp_err_t worst = rd_kafka_event_error(event.get());
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  auto** topics = result ? rd_kafka_CreateTopics_result_topics(result, &count) : nullptr;
  for (std::size_t at = 0; at < count; ++at) {
    const auto error = rd_kafka_topic_result_error(topics[at]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) worst = error;
  }
  if (worst == RD_KAFKA_RESP_ERR_NO_ERROR || worst == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) return admin_.reset();
  topics_failed(rd_kafka_err2name(worst));
}

void KafkaProducer::topics_failed(std::string_view problem) {
  log_.warning("kafka_topics_not_created", {{"problem", problem}});
  topics_again_at_ms_ = core::monotonic_ms() + topics_backoff_.next_ms();
}

}  // namespace persist
