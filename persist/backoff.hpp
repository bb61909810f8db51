// Pauses between attempts: full jitter (a random part of a limit that doubles), so that a thousand clients of a server
// that comes back do not come back together. Thread: one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <random>

namespace persist {

class Backoff {
 public:
  explicit Backoff(int64_t first_ms = 10, int64_t limit_ms = 1000) : first_ms_{first_ms}, limit_ms_{limit_ms} {}
  // The next pause, 1 ms to the limit reached so far.
  int64_t next_ms() {
    now_ms_ = now_ms_ == 0 ? first_ms_ : std::min(now_ms_ * 2, limit_ms_);
    return std::uniform_int_distribution<int64_t>{1, now_ms_}(random_);
  }
  void reset() { now_ms_ = 0; }

 private:
  int64_t first_ms_, limit_ms_, now_ms_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace persist
