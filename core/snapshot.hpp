// A value many threads read and one replaces as a whole. Readers keep what they took until they ask again.
// Reading costs one relaxed load while nothing has changed. Thread: any.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace core {

template <class T>
class Snapshot {
 public:
  void publish(std::shared_ptr<const T> next) {
    std::lock_guard lock{mutex_};
    current_ = std::move(next);
    version_.fetch_add(1, std::memory_order_release);
  }
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const T> get() const {
    std::lock_guard lock{mutex_};
    return current_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> current_ = std::make_shared<const T>();
  std::atomic<uint64_t> version_{0};
};

}  // namespace core
