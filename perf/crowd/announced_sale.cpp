#include "perf/crowd/announced_sale.hpp"

#include <algorithm>
#include <charconv>

#include "perf/crowd/json.hpp"

namespace crowd {

void AnnouncedSale::take(const Announcement& announcement, const PartitionId& partition) {
  if (announcement.id.starts_with(prefix_)) {
    take_log_entry(announcement, partition);
  } else {
    take_order(announcement);
  }
}

KafkaEvidence AnnouncedSale::evidence() {
  std::sort(evidence_.transitions.begin(), evidence_.transitions.end(),
            [](const auto& left, const auto& right) { return left.seq < right.seq; });
  evidence_.seqs_missing = count_gaps();
  return std::move(evidence_);
}

bool AnnouncedSale::fresh(const std::string& id) {
  ++evidence_.messages;
  if (seen_.insert(id).second) return true;
  ++evidence_.repeated;
  return false;
}

void AnnouncedSale::take_log_entry(const Announcement& announcement, const PartitionId& partition) {
  int64_t seq = 0;
  const char* digits = announcement.id.data() + prefix_.size();
  const char* end = announcement.id.data() + announcement.id.size();
  if (std::from_chars(digits, end, seq).ptr != end || !fresh(announcement.id)) return;
  auto& last = last_seq_[partition];
  if (seq <= last) ++evidence_.out_of_order;
  last = std::max(last, seq);
  seqs_.insert(seq);
  json::Document body{announcement.payload};
  auto seats = json::texts(body.root(), "seats");
  if (!seats.empty()) {
    evidence_.transitions.push_back({seq, announcement.type, announcement.key, std::move(seats)});
  }
}

void AnnouncedSale::take_order(const Announcement& announcement) {
  json::Document body{announcement.payload};
  if (json::text(body.root(), "event") != event_ || !fresh(announcement.id)) return;
  evidence_.announced[announcement.type].insert(announcement.key);
}

// Numbers that nobody announced: seq is epoch * 2^32 + n, and n counts from 1 in every epoch.
uint64_t AnnouncedSale::count_gaps() const {
  uint64_t missing = 0;
  int64_t before = 0;
  for (auto seq : seqs_) {
    const bool same_epoch = before != 0 && seq >> 32 == before >> 32;
    const int64_t expected = same_epoch ? before + 1 : (seq >> 32 << 32) + 1;
    missing += static_cast<uint64_t>(std::max<int64_t>(0, seq - expected));
    before = seq;
  }
  return missing;
}

}  // namespace crowd
