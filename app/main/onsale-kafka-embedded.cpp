// A Kafka for demonstrations and tests: librdkafka's mock cluster in a process of its own, with the topics of onsale.
// It speaks the protocol (produce, fetch, groups) but keeps at most 5 MB or 100 000 messages a partition, in memory.
// Writes its bootstrap servers ("127.0.0.1:port,...") to a file once they take connections, prints them, and runs until
// SIGTERM or SIGINT. See --help.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/command_line.hpp"

namespace {

constexpr int partitions = 6;
constexpr const char* topics[] = {"onsale.orders", "onsale.inventory", "onsale.line", "onsale.payments",
                                  "onsale.inventory-changes"};

struct Options {
  std::string file;
  uint32_t brokers = 1;
};

core::CommandLine command_line(Options& options) {
  constexpr uint32_t brokers_max = 9;
  core::CommandLine line{{"onsale-kafka-embedded", "a Kafka for demonstrations and tests, in memory",
                          "0 it was told to end, 1 something is wrong and stderr says what, "
                          "2 the command line cannot be understood"}};
  line.add("--file", "PATH", "gets the bootstrap servers once they take connections; goes away at the end",
           core::option::text(options.file));
  line.add("--brokers", "N", "of the cluster", core::option::number(options.brokers, 1, brokers_max));
  return line;
}

// Whole or not at all: a reader that sees the file can use it.
bool write_file(const std::string& path, std::string_view text) {
  const std::string draft = path + ".draft";
  FILE* file = fopen(draft.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = fwrite(text.data(), 1, text.size(), file) == text.size();
  return fclose(file) == 0 && written && rename(draft.c_str(), path.c_str()) == 0;
}

using Kafka = std::unique_ptr<rd_kafka_t, void (*)(rd_kafka_t*)>;
using Cluster = std::unique_ptr<rd_kafka_mock_cluster_t, void (*)(rd_kafka_mock_cluster_t*)>;

int fail(std::string_view what) {
  fprintf(stderr, "onsale-kafka-embedded: %.*s\n", static_cast<int>(what.size()), what.data());
  return 1;
}

int run(const Options& options, const sigset_t& wanted) {
  char problem[256] = "";
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  // Its own client never connects to anything, and would warn of that.
  rd_kafka_conf_set(conf, "log_level", "3", problem, sizeof problem);
  Kafka kafka{rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem, sizeof problem), &rd_kafka_destroy};
  if (!kafka) return fail(problem);
  const auto brokers = static_cast<int>(options.brokers);
  Cluster cluster{rd_kafka_mock_cluster_new(kafka.get(), brokers), &rd_kafka_mock_cluster_destroy};
  if (!cluster) return fail("the mock cluster could not be made");
  for (const char* topic : topics)
    if (rd_kafka_mock_topic_create(cluster.get(), topic, partitions, brokers) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return fail(std::string{"cannot create topic "} + topic);
  const char* servers = rd_kafka_mock_cluster_bootstraps(cluster.get());
  if (!write_file(options.file, std::string{servers} + "\n")) return fail("cannot write " + options.file);
  printf("%s\n", servers);
  fflush(stdout);
  int received = 0;
  sigwait(&wanted, &received);
  remove(options.file.c_str());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  auto line = command_line(options);
  auto status = line.read({words + 1, words + count});
  if (line.help_wanted()) {
    fputs(line.usage().c_str(), stdout);
    return 0;
  }
  if (status && options.file.empty()) status = {"--file PATH is needed"};
  if (!status) {
    fail(status.problem);
    fputs("Try `onsale-kafka-embedded --help`.\n", stderr);
    return 2;
  }
  // Before the library starts its threads, so that all of them leave these signals to sigwait.
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  return run(options, wanted);
}
