// What the stores themselves say about one sale after it, read by the crowd's own clients and not through the server.
// Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/event.hpp"
#include "perf/crowd/options.hpp"

namespace crowd {

struct PostgresEvidence {
  struct Order {
    std::string id, user, state, reference;
    std::vector<std::string> seats;
    int64_t amount = 0;
    bool refund_required = false;
  };
  struct Seat {
    std::string seat, order;
  };
  struct Payment {
    std::string reference, decision, order;
    bool refund_required = false;
  };
  std::vector<Order> orders;
  std::vector<Seat> seats;
  std::vector<Payment> payments;
  int64_t dead_letters = 0;
};

struct RedisEvidence {
  std::string seats;                          // one character a seat, by index
  int64_t unrecorded = 0;                     // orders and refusals that PostgreSQL does not have yet
  int64_t available = 0, held = 0, sold = 0;  // the counters of the event
};

struct KafkaEvidence {
  struct Transition {  // of the sale's log
    int64_t seq = 0;
    std::string type, hold;
    std::vector<std::string> seats;
  };
  std::map<std::string, std::set<std::string>> announced;  // type -> orders
  std::vector<Transition> transitions;                     // by seq, each once
  uint64_t messages = 0, repeated = 0;                     // of this sale; at least once means repeats are legal
  uint64_t out_of_order = 0;                               // first deliveries whose seq did not grow in their partition
  uint64_t seqs_missing = 0;                               // gaps in the sale's log as announced
  bool truncated = false;  // the broker has dropped old messages: absence proves nothing
};

// Each reads for this event only; a problem names the store.
core::Checked<PostgresEvidence> read_postgres(const std::string& dsn, const std::string& event);
core::Checked<RedisEvidence> read_redis(const std::string& url, const std::string& event);
core::Checked<KafkaEvidence> read_kafka(const std::string& brokers, const core::Event& event);

// Waits until every order is recorded and, with `announced`, until Kafka has everything that is to be announced.
// The problem says what was still missing when the time was over.
core::Status wait_until_quiet(const Options& options, const std::string& event, int64_t wait_ms_max);

}  // namespace crowd
