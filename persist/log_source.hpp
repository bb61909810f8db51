// The logs of the events, as the announcer sees them: what happened to seats and lines, in Redis, each entry with a seq
// that only grows. Whoever links Redis implements it; persist knows no Redis.
// Ownership: the announcer borrows it. Thread: the announcer's; calls block, for a second at most.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace persist {

struct LogEntry {
  int64_t seq = 0;
  std::string type;                // of the contract: seats.held ... event.reconciled
  std::string hold, user;          // empty where the type has none
  std::vector<std::string> seats;  // ids
  int64_t at_ms = 0;
  std::string detail;  // line.admitted: how many; event.state_changed: the state; event.reconciled: the epoch
};

class LogSource {
 public:
  virtual ~LogSource() = default;

  struct Lease {
    bool granted = false;
    int64_t announced = 0;  // the stored cursor: all up to this seq is in Kafka
  };

  virtual std::vector<std::string> events() = 0;
  // Takes the right to announce this event's log, or prolongs it. It must outlast 10 s without a call; the announcer
  // calls about every 3 s. `granted` false: another node has it. Errors: Redis is out of reach.
  virtual core::Result<Lease> lease(std::string_view event) = 0;
  // Entries above `after_seq` in ascending order, at most `most`; none when there are none.
  virtual core::Result<std::vector<LogEntry>> read(std::string_view event, int64_t after_seq, std::size_t most) = 0;
  // Stores the cursor and trims the log behind it. False: the lease was lost, nothing was stored.
  virtual core::Result<bool> advance(std::string_view event, int64_t seq) = 0;
  // The seq of the newest entry, 0 when there is none: where the cursor goes when nobody listens.
  virtual core::Result<int64_t> newest(std::string_view event) = 0;
};

}  // namespace persist
