// Where an asynchronous answer goes. Two words, owns nothing.
#pragma once
#include "core/error.hpp"

namespace core {

template <class Answer>
struct Continuation {
  // Called exactly once, from the loop's thread, never from inside the call that issued it.
  // `answer` is null exactly when `error` is not none, and dies when resume returns.
  void (*resume)(void* context, const Answer* answer, Error error) noexcept = nullptr;
  void* context = nullptr;
};

}  // namespace core
