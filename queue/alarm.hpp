// How a core tells that Redis' state is not what PostgreSQL calls current: somebody has to look, and perhaps rebuild.
// Two words, owns nothing; raising it twice is raising it once. Thread: any.
#pragma once

namespace queue {

struct Alarm {
  void (*raise_fn)(void* context) noexcept = nullptr;
  void* context = nullptr;
  void raise() const noexcept {
    if (raise_fn != nullptr) raise_fn(context);
  }
};

}  // namespace queue
