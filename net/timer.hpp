// Coarse timers: a hashed wheel of intrusive lists. Starting and stopping cost a few stores; a timer never fires early
// and fires at most one step (10 ms) and one turn late.
//
//   slots  [0][1][2] ... [1023]      a timer due at step s waits in slot s mod 1024, whatever the rotation
//               ^ step_               occupied_ has one bit a slot, so the next wake-up is a scan of 16 words
//
// Ownership: a Timer lives inside its owner and leaves the wheel when it is destroyed. Thread: the loop's.
#pragma once
#include <array>
#include <cstdint>

namespace net {

class TimerWheel;

class Timer {
 public:
  using Fire = void (*)(void* context) noexcept;
  Timer(Fire fire, void* context) : fire_{fire}, context_{context} {}
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool running() const { return next_ != nullptr; }
  int64_t due_ms() const;  // while running; rounded up to a step
  void stop();             // idempotent

 private:
  friend class TimerWheel;
  Timer() : Timer{nullptr, nullptr} {}
  Timer* next_ = nullptr;  // null exactly while it is not in a wheel
  Timer* previous_ = nullptr;
  Fire fire_;
  void* context_;
  int64_t due_step_ = 0;
};

// A timer that names its handler: `TimerOf<Desk, &Desk::tick> timer_{*this};`
template <class Owner, void (Owner::*Handler)() noexcept>
class TimerOf final : public Timer {
 public:
  explicit TimerOf(Owner& owner) : Timer{&dispatch, &owner} {}

 private:
  static void dispatch(void* owner) noexcept { (static_cast<Owner*>(owner)->*Handler)(); }
};

class TimerWheel {
 public:
  static constexpr int64_t step_ms = 10;
  explicit TimerWheel(int64_t now_ms);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void start(Timer& timer, int64_t due_ms);  // restarts a running one; an instant in the past fires at the next expire
  // Fires what is due. Handlers may start and stop any timer; what they start is not fired by the same call.
  void expire(int64_t now_ms);
  // Milliseconds until expire() may have work, at most `wait_ms_max`. It may be too early, never too late.
  int64_t wait_ms(int64_t now_ms, int64_t wait_ms_max) const;

 private:
  static constexpr uint32_t slots = 1024;
  static void append(Timer& head, Timer& timer);
  void expire_slot(uint32_t slot, int64_t step);
  bool empty(uint32_t slot) const { return heads_[slot].next_ == &heads_[slot]; }
  void mark(uint32_t slot, bool occupied);
  bool marked(uint32_t slot) const { return (occupied_[slot / 64] >> (slot % 64) & 1) != 0; }

  int64_t step_;                                 // every timer due at or before this step has fired
  std::array<uint64_t, slots / 64> occupied_{};  // a set bit may be stale (the timer was stopped), a clear one never
  std::array<Timer, slots> heads_{};
};

}  // namespace net
