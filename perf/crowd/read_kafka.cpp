// What was announced, read from the beginning of every partition to where it ends now. Messages of other sales are
// passed over; those of this sale are taken once each, by ce_id, as the contract tells consumers to.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>

#include "core/time.hpp"
#include "perf/crowd/announced_sale.hpp"
#include "perf/crowd/evidence.hpp"

namespace crowd {
namespace {

constexpr const char* topics[] = {"onsale.orders", "onsale.inventory", "onsale.line"};
constexpr int reply_ms_max = 10'000;
constexpr int64_t read_ms_max = 30'000;

using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;
using Message = std::unique_ptr<rd_kafka_message_t, decltype(&rd_kafka_message_destroy)>;

std::string header(const rd_kafka_message_t& message, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t length = 0;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  if (rd_kafka_header_get_last(headers, name, &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return {static_cast<const char*>(value), length};
}

Announcement announcement(const rd_kafka_message_t& message) {
  return {.id = header(message, "ce_id"),
          .type = header(message, "ce_type"),
          .key = {static_cast<const char*>(message.key), message.key_len},
          .payload = {static_cast<const char*>(message.payload), message.len}};
}

core::Checked<Client> connect(const std::string& brokers) {
  char problem[512];
  auto* settings = rd_kafka_conf_new();
  const std::pair<const char*, std::string> values[] = {{"bootstrap.servers", brokers},
                                                        {"group.id", "onsale-crowd"},  // demanded, never joined
                                                        {"enable.auto.commit", "false"},
                                                        {"enable.partition.eof", "true"},
                                                        {"log_level", "3"}};
  for (const auto& [name, value] : values) {
    if (rd_kafka_conf_set(settings, name, value.c_str(), problem, sizeof problem) == RD_KAFKA_CONF_OK) continue;
    rd_kafka_conf_destroy(settings);
    return core::Checked<Client>::failed(problem);
  }
  Client client{rd_kafka_new(RD_KAFKA_CONSUMER, settings, problem, sizeof problem), rd_kafka_destroy};
  if (!client) return core::Checked<Client>::failed(problem);
  rd_kafka_poll_set_consumer(client.get());
  return client;
}

// Reads the partitions of the topics from their beginnings to their ends.
class Reader {
 public:
  Reader(rd_kafka_t* client, AnnouncedSale& sale) : client_{client}, sale_{sale} {}

  core::Status read() {
    for (const char* topic : topics) {
      if (auto status = add_topic(topic); !status) return status;
    }
    auto error = rd_kafka_assign(client_, assignment_.get());
    if (error) return {rd_kafka_err2str(error)};
    return consume();
  }

 private:
  core::Status add_topic(const char* topic) {
    std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> handle{
        rd_kafka_topic_new(client_, topic, nullptr), rd_kafka_topic_destroy};
    const rd_kafka_metadata_t* metadata = nullptr;
    auto error = rd_kafka_metadata(client_, 0, handle.get(), &metadata, reply_ms_max);
    if (error) return {fmt::format("metadata of {}: {}", topic, rd_kafka_err2str(error))};
    std::unique_ptr<const rd_kafka_metadata_t, decltype(&rd_kafka_metadata_destroy)> owned{metadata,
                                                                                           rd_kafka_metadata_destroy};
    const int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (count == 0) return {fmt::format("topic {} is not there", topic)};
    for (int32_t partition = 0; partition < count; ++partition) {
      if (auto status = add_partition(topic, partition); !status) return status;
    }
    return {};
  }

  core::Status add_partition(const char* topic, int32_t partition) {
    int64_t low = 0, high = 0;
    auto error = rd_kafka_query_watermark_offsets(client_, topic, partition, &low, &high, reply_ms_max);
    if (error) return {fmt::format("offsets of {}[{}]: {}", topic, partition, rd_kafka_err2str(error))};
    if (low > 0) sale_.truncated();
    if (high <= low) return {};
    rd_kafka_topic_partition_list_add(assignment_.get(), topic, partition)->offset = low;
    ends_[{topic, partition}] = high;
    return {};
  }

  core::Status consume() {
    const int64_t end_ms = core::monotonic_ms() + read_ms_max;
    while (!ends_.empty()) {
      if (core::monotonic_ms() > end_ms)
        return {fmt::format("{} partitions could not be read to their end", ends_.size())};
      Message message{rd_kafka_consumer_poll(client_, 200), rd_kafka_message_destroy};
      if (message) take(*message);
    }
    return {};
  }

  void take(const rd_kafka_message_t& message) {
    if (!message.rkt) return;  // an error of the client: it retries by itself until our time is over
    PartitionId partition{rd_kafka_topic_name(message.rkt), message.partition};
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ends_.erase(partition);
      return;
    }
    if (message.err) return;
    auto end = ends_.find(partition);
    if (end == ends_.end()) return;
    sale_.take(announcement(message), partition);
    if (message.offset + 1 >= end->second) ends_.erase(end);
  }

  rd_kafka_t* client_;
  AnnouncedSale& sale_;
  Partitions assignment_{rd_kafka_topic_partition_list_new(18), rd_kafka_topic_partition_list_destroy};
  std::map<PartitionId, int64_t> ends_;  // partitions not read to their end yet
};

}  // namespace

core::Checked<KafkaEvidence> read_kafka(const std::string& brokers, const core::Event& event) {
  using Read = core::Checked<KafkaEvidence>;
  auto client = connect(brokers);
  if (!client) return Read::failed("Kafka: " + client.problem);
  AnnouncedSale sale{event.id};
  auto status = Reader{client->get(), sale}.read();
  rd_kafka_consumer_close(client->get());
  if (!status) return Read::failed("Kafka: " + status.problem);
  return sale.evidence();
}

}  // namespace crowd
