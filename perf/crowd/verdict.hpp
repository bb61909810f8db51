// The judgement of a sale: what the clients were told, held against what PostgreSQL, Redis and Kafka say. Pure: it
// reads evidence and writes sentences.
// Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/event.hpp"
#include "perf/crowd/evidence.hpp"
#include "perf/crowd/ledger.hpp"

namespace crowd {

struct Verdict {
  uint64_t sold = 0;      // seats of confirmed orders in PostgreSQL
  uint64_t oversold = 0;  // seats that more than one order has, by any account, and seats beyond what is on sale
  uint64_t places_lost = 0;
  uint64_t orders_confirmed = 0;  // told to clients
  uint64_t orders_recorded = 0;   // confirmed in PostgreSQL
  uint64_t orders_announced = 0;  // order.confirmed on Kafka, each order once
  Violations violations;
};

// `kafka` is empty when the sale is not announced anywhere.
Verdict judge(const core::Event& event, const Ledger& ledger, const PostgresEvidence& postgres,
              const RedisEvidence& redis, const std::optional<KafkaEvidence>& kafka);

}  // namespace crowd
