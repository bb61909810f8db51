// How one thread wakes another that waits in poll() or in a ring: an eventfd that is written once a burst.
//
// The ringing side calls ring() after it has pushed; the waiting side calls take() before it looks into its rings, so
// whatever is pushed after that look rings again. Thread: ring() any; take() and wait() the waiting one.
#pragma once
#include <atomic>
#include <cstdint>

namespace persist {

class Doorbell {
 public:
  Doorbell();
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  void ring();
  // True when it rang since the last take(). Costs no system call, and leaves the eventfd to who waits on it.
  bool take() { return rung_.load(std::memory_order_relaxed) && rung_.exchange(false, std::memory_order_acq_rel); }
  // Blocks until it rings or `timeout_ms` passed (-1: for ever), and empties the eventfd.
  void wait(int timeout_ms);
  // Becomes readable when it rings; blocking, so that it suits a read of io_uring. Who waits on it reads its 8 bytes.
  int fd() const { return fd_; }

 private:
  int fd_;
  std::atomic<bool> rung_{false};
};

}  // namespace persist
