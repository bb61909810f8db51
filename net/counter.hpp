// A number one thread counts and any thread reads. Adding costs a plain load and store: no locked instruction.
// Thread: add() from the one thread that owns it, value() from any.
#pragma once
#include <atomic>
#include <cstdint>

namespace net {

class Counter {
 public:
  void add(uint64_t amount = 1) { set(value() + amount); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void subtract(uint64_t amount) { add(~amount + 1); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace net
