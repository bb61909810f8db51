#include "net/buffer_pool.hpp"

#include <new>

#include "core/assert.hpp"

namespace net {

BufferPool::~BufferPool() {
  ONSALE_ASSERT(bytes_used_.value() == 0);
  for (auto* head : free_) {
    while (head != nullptr) {
      auto* next = head->next;
      ::operator delete(head);
      head = next;
    }
  }
}

uint32_t BufferPool::class_of(std::size_t size) {
  uint32_t index = 0;
  while (class_bytes(index) < size) ++index;
  return index;
}

BufferPool::Block BufferPool::acquire(std::size_t size) {
  if (size > block_bytes_max) return {};
  auto index = class_of(size);
  auto capacity = class_bytes(index);
  if (bytes_used_.value() + capacity > bytes_max_) return {};
  void* memory = free_[index];
  if (memory != nullptr) {
    free_[index] = free_[index]->next;
  } else {
    memory = ::operator new(capacity, std::nothrow);
    if (memory == nullptr) return {};
    bytes_held_.add(capacity);
  }
  bytes_used_.add(capacity);
  return {static_cast<char*>(memory), static_cast<uint32_t>(capacity)};
}

void BufferPool::release(Block block) {
  if (!block) return;
  auto index = class_of(block.capacity);
  ONSALE_ASSERT(class_bytes(index) == block.capacity);
  bytes_used_.subtract(block.capacity);
  if (bytes_held_.value() > bytes_max_) {  // free lists of other sizes hold the rest: give this one back
    bytes_held_.subtract(block.capacity);
    ::operator delete(block.data);
    return;
  }
  free_[index] = new (block.data) Free{free_[index]};
}

}  // namespace net
