// A bounded ring between exactly one producing and one consuming thread: how orders travel from a core to a writer
// and outcomes come back.
//
//   tail_ (written by the consumer)          head_ (written by the producer)
//     v                                        v
//   [ . . | x | x | x | x | x | x | x | x | . . . ]     x: constructed values; indexes only grow, slot = index & mask
//
// Each side keeps a copy of the other's index and looks at the real one only when the copy says "full" or "empty", so
// the two threads share a cache line once a batch and not once a value (after rigtorp/SPSCQueue).
// Ownership: the ring owns the values in it and destroys those nobody took. Thread: see each function.
#pragma once
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/assert.hpp"

namespace core {

template <class T>
class Spsc {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>);

 public:
  explicit Spsc(uint32_t entries) : mask_{entries - 1} {  // a power of two
    ONSALE_ASSERT(std::has_single_bit(entries));
    slots_ = std::allocator<T>{}.allocate(entries);
  }
  Spsc(const Spsc&) = delete;
  Spsc& operator=(const Spsc&) = delete;
  ~Spsc() {  // both threads are gone
    for (uint64_t at = tail_.load(); at != head_.load(); ++at) std::destroy_at(slot(at));
    std::allocator<T>{}.deallocate(slots_, std::size_t{mask_} + 1);
  }

  // Producer. False when the ring is full; `value` is then untouched.
  bool try_push(T&& value) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_seen_ > mask_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head - tail_seen_ > mask_) return false;
    }
    std::construct_at(slot(head), std::move(value));
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  bool try_push(const T& value) noexcept requires std::is_nothrow_copy_constructible_v<T> { return try_push(T{value}); }

  // Consumer. False when the ring is empty; `value` is then untouched.
  bool try_pop(T& value) noexcept {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_seen_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail == head_seen_) return false;
    }
    value = std::move(*slot(tail));
    std::destroy_at(slot(tail));
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Any thread; exact only for a thread that knows the other one rests.
  std::size_t size() const noexcept {
    const uint64_t tail = tail_.load(std::memory_order_acquire);  // first: the head can only be further on
    return static_cast<std::size_t>(head_.load(std::memory_order_acquire) - tail);
  }
  bool empty() const noexcept { return size() == 0; }
  std::size_t capacity() const noexcept { return std::size_t{mask_} + 1; }

 private:
  // Not hardware_destructive_interference_size: GCC warns that its value may change between translation units.
  static constexpr std::size_t cache_line_bytes = 64;

  T* slot(uint64_t index) const noexcept { return slots_ + (index & mask_); }

  const uint32_t mask_;
  T* slots_ = nullptr;
  alignas(cache_line_bytes) std::atomic<uint64_t> head_{0};  // the producer's line
  uint64_t tail_seen_ = 0;
  alignas(cache_line_bytes) std::atomic<uint64_t> tail_{0};  // the consumer's line
  uint64_t head_seen_ = 0;
};

}  // namespace core
