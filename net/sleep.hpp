// `co_await net::Sleep{loop, ms}`: a handler waits without holding anything but its slot.
// Ownership: lives in the handler's frame. Thread: the loop's.
#pragma once
#include <coroutine>

#include "net/loop.hpp"
#include "net/timer.hpp"

namespace net {

class Sleep {
 public:
  Sleep(Loop& loop, int64_t delay_ms) : loop_{loop}, delay_ms_{delay_ms} {}
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handler) noexcept {
    handler_ = handler;
    loop_.start(timer_, delay_ms_);
  }
  void await_resume() const noexcept {}

 private:
  void wake() noexcept { handler_.resume(); }
  Loop& loop_;
  int64_t delay_ms_;
  std::coroutine_handle<> handler_;
  TimerOf<Sleep, &Sleep::wake> timer_{*this};
};

}  // namespace net
