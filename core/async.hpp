// Coroutine glue for handlers: flat, detached, one level deep; the frame lives in the request slot.
//
// A handler is `core::Async Desk::hold(net::Exchange& x)`; net::Exchange is a FrameRoom. The frame is built inside it,
// so starting a handler allocates nothing (measured: 2-9 ns over a hand-written continuation). A frame that does not
// fit is refused (started() is false) and the caller answers 503. Rules: handlers never await handlers; no capturing
// lambda inside a co_await expression (GCC 12 frees it twice); no `auto [a, b] = co_await`; nothing destroys a
// suspended handler from outside: a gone peer makes respond() do nothing.
// Thread: the loop's.
#pragma once
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdlib>

#include "core/continuation.hpp"

namespace core {

struct FrameRoom {
  static constexpr std::size_t bytes_max = 2048;
  alignas(16) std::byte frame[bytes_max];
  bool running = false;  // true from the start of the coroutine until its frame is gone
};

class [[nodiscard]] Async {
 public:
  struct promise_type {
    template <class... Args>  // free function: handler(Exchange&, ...)
    static void* operator new(std::size_t size, FrameRoom& room, Args&&...) noexcept {
      return fit(room, size);
    }
    template <class Self, class... Args>  // member function: desk.handler(Exchange&, ...)
    static void* operator new(std::size_t size, Self&, FrameRoom& room, Args&&...) noexcept {
      return fit(room, size);
    }
    static void operator delete(void* frame, std::size_t) noexcept {
      reinterpret_cast<FrameRoom*>(static_cast<std::byte*>(frame) - offsetof(FrameRoom, frame))->running = false;
    }
    static Async get_return_object_on_allocation_failure() noexcept { return Async{false}; }
    Async get_return_object() noexcept { return Async{true}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::abort(); }

   private:
    static void* fit(FrameRoom& room, std::size_t size) noexcept {
      if (size > FrameRoom::bytes_max || room.running) return nullptr;
      room.running = true;
      return room.frame;
    }
  };
  static constexpr Async finished() { return Async{true}; }  // for handlers that never suspend
  bool started() const { return started_; }

 private:
  constexpr explicit Async(bool started) : started_{started} {}
  bool started_;
};

template <class T, class Answer>
concept Decodes = requires(const Answer& answer) {
  { T::decode(answer) }
  noexcept->std::same_as<Result<T>>;
};

// Issues at construction, decodes at delivery (while the reply still lies in its buffer), yields Result<T>.
// `issue` is `core::Error issue(Continuation<Answer>)`; it must not call the continuation before it returns.
template <class T, class Answer>
requires Decodes<T, Answer>
class Await {
 public:
  template <class Issue>
  explicit Await(Issue issue) {
    result_.error = issue(Continuation<Answer>{&deliver, this});
  }
  Await(const Await&) = delete;
  Await& operator=(const Await&) = delete;
  bool await_ready() const noexcept { return result_.error != Error::none; }  // refused: answer at once
  void await_suspend(std::coroutine_handle<> handler) noexcept { handler_ = handler; }
  Result<T> await_resume() noexcept { return std::move(result_); }

 private:
  static void deliver(void* context, const Answer* answer, Error error) noexcept {
    auto& self = *static_cast<Await*>(context);
    self.result_ = answer ? T::decode(*answer) : Result<T>{{}, error};
    self.handler_.resume();
  }
  std::coroutine_handle<> handler_;
  Result<T> result_;
};

}  // namespace core
