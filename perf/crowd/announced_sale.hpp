// One sale as a consumer of Kafka sees it: announcements of other sales are passed over, repeated ones dropped by
// ce_id as the contract tells consumers to, and the seq of the sale's log is checked. Knows messages, not Kafka.
// Ownership: plain values. Thread: one.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "perf/crowd/evidence.hpp"

namespace crowd {

struct Announcement {
  std::string id, type;  // ce_id, ce_type
  std::string key;       // the order, the hold or the event
  std::string payload;   // JSON
};

using PartitionId = std::pair<std::string, int32_t>;  // topic, number

class AnnouncedSale {
 public:
  explicit AnnouncedSale(const std::string& event) : event_{event}, prefix_{event + ":"} {}
  // In the order of the partition; partitions may be mixed.
  void take(const Announcement& announcement, const PartitionId& partition);
  void truncated() { evidence_.truncated = true; }
  // All that was taken; call once, at the end.
  KafkaEvidence evidence();

 private:
  bool fresh(const std::string& id);
  void take_log_entry(const Announcement& announcement, const PartitionId& partition);
  void take_order(const Announcement& announcement);
  uint64_t count_gaps() const;

  const std::string event_;
  const std::string prefix_;  // of the ce_id of log entries: <event>:<seq>
  KafkaEvidence evidence_;
  std::set<std::string> seen_;
  std::set<int64_t> seqs_;
  std::map<PartitionId, int64_t> last_seq_;
};

}  // namespace crowd
