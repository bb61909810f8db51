// librdkafka's mock cluster inside the test, and a reader of everything in it. Thread: main.
#pragma once
#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace stand {

struct Heard {
  std::string topic, key, value;
  int partition = 0;
  std::map<std::string, std::string> headers;
  std::string id() const { return headers.at("ce_id"); }
};

class MockKafka {
 public:
  static constexpr int partitions = 6;
  explicit MockKafka(int brokers = 1) {
    char problem[256] = "";
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", problem, sizeof problem);
    kafka_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem, sizeof problem));
    cluster_.reset(rd_kafka_mock_cluster_new(kafka_.get(), brokers));
    REQUIRE(cluster_);
    for (const char* topic : topics) rd_kafka_mock_topic_create(cluster_.get(), topic, partitions, brokers);
  }
  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }
  rd_kafka_mock_cluster_t* cluster() { return cluster_.get(); }
  void down() { rd_kafka_mock_broker_set_down(cluster_.get(), 1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_.get(), 1); }
  template <class... Errors>
  void fail_produce(Errors... errors) {
    rd_kafka_mock_push_request_errors(cluster_.get(), 0, sizeof...(errors), errors...);
  }

  // All messages so far, in the order of each partition.
  std::vector<Heard> hear() {
    auto consumer = make_consumer();
    std::vector<Heard> heard;
    int ends = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (ends < partitions * 3 && std::chrono::steady_clock::now() < until) {
      std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> message{
          rd_kafka_consumer_poll(consumer.get(), 100), &rd_kafka_message_destroy};
      if (!message) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ends;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) heard.push_back(heard_of(*message));
    }
    REQUIRE(ends == partitions * 3);
    rd_kafka_consumer_close(consumer.get());
    return heard;
  }

 private:
  static constexpr const char* topics[] = {"onsale.orders", "onsale.inventory", "onsale.line"};
  struct Destroy {
    void operator()(rd_kafka_t* kafka) const { rd_kafka_destroy(kafka); }
    void operator()(rd_kafka_mock_cluster_t* cluster) const { rd_kafka_mock_cluster_destroy(cluster); }
  };
  std::unique_ptr<rd_kafka_t, Destroy> make_consumer() {
    char problem[256] = "";
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::string servers = brokers();
    for (auto [name, value] : {std::pair{"bootstrap.servers", servers.c_str()},
                               {"group.id", "test"},
                               {"enable.partition.eof", "true"},
                               {"fetch.wait.max.ms", "10"},
                               {"log_level", "0"}})
      REQUIRE(rd_kafka_conf_set(conf, name, value, problem, sizeof problem) == RD_KAFKA_CONF_OK);
    std::unique_ptr<rd_kafka_t, Destroy> consumer{rd_kafka_new(RD_KAFKA_CONSUMER, conf, problem, sizeof problem)};
    REQUIRE(consumer);
    rd_kafka_poll_set_consumer(consumer.get());
    rd_kafka_topic_partition_list_t* wanted = rd_kafka_topic_partition_list_new(partitions * 3);
    for (const char* topic : topics)
      for (int partition = 0; partition < partitions; ++partition)
        rd_kafka_topic_partition_list_add(wanted, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer.get(), wanted);
    rd_kafka_topic_partition_list_destroy(wanted);
    return consumer;
  }
  static Heard heard_of(const rd_kafka_message_t& message) {
    Heard heard{rd_kafka_topic_name(message.rkt),
                {static_cast<const char*>(message.key), message.key_len},
                {static_cast<const char*>(message.payload), message.len},
                message.partition,
                {}};
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return heard;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    auto next = [&, at = std::size_t{0}]() mutable {
      return rd_kafka_header_get_all(headers, at++, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
    };
    while (next()) heard.headers[name] = {static_cast<const char*>(value), size};
    return heard;
  }
  std::unique_ptr<rd_kafka_t, Destroy> kafka_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroy> cluster_;
};

}  // namespace stand
