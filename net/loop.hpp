// One core's heart: an io_uring ring, its clock, its timers and its hooks.
//
//   turn:  hooks (batch, links, connections) -> submit and wait -> dispatch every answer -> timers
//
// Handlers never submit and never wait; they arm operations, and one system call a turn carries them all. Answers are
// copied out of the queue before handlers run, so a handler may arm as much as it likes.
// Ownership: owners of completions, timers and hooks do not move; everything armed is joined before it is destroyed.
// Thread: one. open() binds the loop to the thread that calls it (SINGLE_ISSUER); all else must be called there.
// Other threads wake a loop through Wake (wake.hpp).
#pragma once
#include <liburing.h>

#include <array>
#include <cstdint>
#include <optional>

#include "core/error.hpp"
#include "net/completion.hpp"
#include "net/counter.hpp"
#include "net/hook.hpp"
#include "net/timer.hpp"

namespace net {

struct LoopMetrics {
  Counter turns, completions, submissions;
  Counter overflows;  // turns that found the completion queue overflown: the ring is too small
};

class Loop {
 public:
  struct Settings {
    uint32_t submission_entries = 1024;   // power of two
    uint32_t completion_entries = 16384;  // several times the submissions: multishots answer many times
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Creates the ring on the calling thread. The problem names the setting to change when the kernel refuses.
  core::Status open(Settings settings);
  core::Status open() { return open(Settings{}); }
  bool is_open() const { return open_; }

  // Room for direct descriptors, files that live in slots 0 .. count-1 of the ring's own table instead of the process'.
  // They save a look-up an operation and do not count as open files, but the kernel allows a ring no more of them than
  // RLIMIT_NOFILE says; the soft limit is raised when it is lower. Once, after open().
  core::Status open_descriptors(uint32_t count);
  static uint32_t descriptors_max();  // what the hard limit allows; any thread

  // An entry to prepare at once (io_uring_prep_*, before the next call to arm); its answers go to `done`.
  // Asserts that `done` is not armed. Submits first when the queue is full.
  io_uring_sqe& arm(Completion& done);
  // Asks the kernel to end an armed operation; its last event still arrives through `done`. Harmless when not armed.
  void cancel(Completion& done);
  // The same for everything armed on a direct descriptor.
  void cancel_direct(uint32_t slot);
  // Cold path, never from a handler: cancels `done` and turns the loop until its last event has arrived.
  void join(Completion& done);
  // One round, waiting at most `wait_ms_max` for the first answer, the next timer or a wake.
  void turn(int64_t wait_ms_max);

  int64_t now_ms() const { return now_ms_; }    // monotonic, read once a turn
  int64_t wall_ms() const { return wall_ms_; }  // milliseconds since 1970, read once a turn

  // Runs once, at the end of this turn; when scheduled by a hook of its own or a later stage, of the next. Idempotent.
  void schedule(Hook& hook);
  void start(Timer& timer, int64_t delay_ms);  // fires once; restarts a running one
  uint32_t armed() const { return armed_; }    // operations the kernel may still answer

  io_uring& ring() { return ring_; }  // for registering buffers at start-up
  const LoopMetrics& metrics() const { return metrics_; }

 private:
  static constexpr uint32_t events_per_copy = 256;
  void read_clocks();
  void run_hooks();
  void run_stage(Hook& head);
  static void move_before(Hook& head, Hook& hook);
  bool hooks_waiting() const;
  void submit_and_wait(int64_t wait_ms);
  uint32_t dispatch();
  void deliver(uint64_t user_data, Event event);
  io_uring_sqe& next_entry();
  io_uring_sqe& unwatched();  // for an operation nobody waits for

  io_uring ring_{};
  bool open_ = false;
  uint32_t armed_ = 0;
  int64_t now_ms_ = 0;
  int64_t wall_ms_ = 0;
  std::array<Hook, stages> hook_heads_{};
  TimerWheel timers_;
  LoopMetrics metrics_;
};

}  // namespace net
