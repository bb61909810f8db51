// A fixed number of objects in one piece of memory, built and destroyed in place: they never move, so completions and
// coroutine frames may live inside them. Taking and giving back is a push or pop on a free list.
//
// Memory is touched slot by slot as it is first needed: room for many costs nothing until many come.
// A handle is the slot's index and its generation, which changes with every take and give-back; a handle kept over
// the end of its object finds nothing, instead of the stranger who lives there now.
// Ownership: owns the objects; all must have been given back before the slab goes. Thread: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "core/assert.hpp"

namespace core {

template <class T>
class Slab {
 public:
  struct Handle {
    uint32_t index = 0;
    uint32_t generation = 0;  // 0: no object
    bool operator==(const Handle&) const = default;
  };

  explicit Slab(uint32_t capacity) : slots_{std::make_unique_for_overwrite<Slot[]>(capacity)}, capacity_{capacity} {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { ONSALE_ASSERT(used_ == 0); }

  // Null when every slot is taken.
  template <class... Args>
  T* take(Args&&... args) {
    if (free_ == none && !open_fresh()) return nullptr;
    Slot& slot = slots_[free_];
    T* object = ::new (static_cast<void*>(slot.bytes)) T(std::forward<Args>(args)...);
    free_ = slot.next_free;
    ++slot.generation;  // odd while taken
    ++used_;
    return object;
  }

  void give_back(T& object) {
    const uint32_t index = index_of(object);
    Slot& slot = slots_[index];
    ONSALE_ASSERT(taken(slot));
    object.~T();
    ++slot.generation;
    --used_;
    push_free(index);
  }

  Handle handle(const T& object) const {
    const uint32_t index = index_of(object);
    ONSALE_ASSERT(taken(slots_[index]));
    return {index, slots_[index].generation};
  }

  // Null when the object of this handle is gone.
  T* find(Handle handle) const {
    if (handle.index >= capacity_ || handle.index >= fresh_) return nullptr;
    Slot& slot = slots_[handle.index];
    if (!taken(slot) || slot.generation != handle.generation) return nullptr;
    return std::launder(reinterpret_cast<T*>(slot.bytes));
  }

  // Calls visit(T&) for each object; `visit` may give back the one it was given.
  template <class Visit>
  void for_each(Visit visit) {
    for (uint32_t at = 0; at < fresh_; ++at) {
      if (taken(slots_[at])) visit(*std::launder(reinterpret_cast<T*>(slots_[at].bytes)));
    }
  }

  uint32_t used() const { return used_; }
  uint32_t capacity() const { return capacity_; }

 private:
  static constexpr uint32_t none = 0xffff'ffff;

  struct Slot {
    alignas(T) std::byte bytes[sizeof(T)];
    uint32_t generation;
    uint32_t next_free;
  };

  static bool taken(const Slot& slot) { return slot.generation % 2 == 1; }

  uint32_t index_of(const T& object) const {
    const auto offset = reinterpret_cast<const std::byte*>(&object) - reinterpret_cast<const std::byte*>(slots_.get());
    const auto index = static_cast<std::size_t>(offset) / sizeof(Slot);
    ONSALE_ASSERT(offset >= 0 && index < capacity_ && static_cast<std::size_t>(offset) % sizeof(Slot) == 0);
    return static_cast<uint32_t>(index);
  }

  // Makes the first slot that was never used the free one; false when there is none.
  bool open_fresh() {
    if (fresh_ == capacity_) return false;
    slots_[fresh_].generation = 0;
    push_free(fresh_++);
    return true;
  }

  void push_free(uint32_t index) {
    slots_[index].next_free = free_;
    free_ = index;
  }

  std::unique_ptr<Slot[]> slots_;
  const uint32_t capacity_;
  uint32_t fresh_ = 0;  // slots from here on were never used
  uint32_t used_ = 0;
  uint32_t free_ = none;
};

}  // namespace core
