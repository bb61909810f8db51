// Coroutines of the crowd: a Task is lazy, runs on the one thread of the run's io_context and resumes its caller.
// Branch runs a second Task beside the caller (a double click) and hands its result over later.
// Ownership: a Branch may die before its task ends; the task then finishes unobserved. Thread: the crowd's only thread.
#pragma once
// clang-format off
#include <utility>  // first: Boost 1.74's awaitable.hpp uses std::exchange without it
// clang-format on

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>

// GCC 12 takes the frames that Boost.Asio recycles for mismatched once a sanitizer keeps it from inlining; the warning
// appears at the end of each coroutine, so it cannot be silenced more narrowly.
#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace crowd {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

template <class T = void>
using Task = asio::awaitable<T>;

inline Task<> sleep_until(Clock::time_point instant) {
  asio::steady_timer timer{co_await asio::this_coro::executor, instant};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

template <class T>
class Branch {
 public:
  Branch(asio::io_context& context, Task<T> task) : state_{std::make_shared<State>(context)} {
    asio::co_spawn(context, std::move(task), [state = state_](std::exception_ptr failure, T value) {
      state->failure = failure;
      state->value = std::move(value);
      state->ended.cancel();
    });
  }
  // Waits for the task's end. Call once.
  Task<T> join() {
    auto state = state_;
    if (!state->value) {
      boost::system::error_code ignored;  // cancel() is the signal
      co_await state->ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return take(*state);
  }
  // The result of a task that has ended (the context's run() has returned).
  T result() { return take(*state_); }

 private:
  struct State {
    explicit State(asio::io_context& context) : ended{context, Clock::time_point::max()} {}
    asio::steady_timer ended;
    std::optional<T> value;
    std::exception_ptr failure;
  };
  static T take(State& state) {
    if (state.failure) std::rethrow_exception(state.failure);
    return std::move(*state.value);
  }
  std::shared_ptr<State> state_;
};

}  // namespace crowd
