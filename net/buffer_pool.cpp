#include "net/buffer_pool.hpp"

#include <sys/mman.h>

#include <new>

#include "core/assert.hpp"

namespace net {
namespace {

// From here on a block is a mapping of its own. An allocator keeps what it is given back for long: after 2500 slow
// readers 400 MB stayed resident. Smaller ones would be too many mappings (vm.max_map_count). Under AddressSanitizer
// none, so that it sees who writes behind a block.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t mapped_bytes_min = SIZE_MAX;
#else
constexpr std::size_t mapped_bytes_min = 64 * 1024;
#endif

void* make(std::size_t size) {
  if (size < mapped_bytes_min) return ::operator new(size, std::nothrow);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void destroy(void* memory, std::size_t size) {
  if (size < mapped_bytes_min)
    ::operator delete(memory);
  else
    ONSALE_ASSERT(::munmap(memory, size) == 0);
}

}  // namespace

BufferPool::~BufferPool() {
  ONSALE_ASSERT(bytes_used_.value() == 0);
  for (uint32_t index = 0; index < classes; ++index) {
    while (auto* head = free_[index]) {
      free_[index] = head->next;
      destroy(head, class_bytes(index));
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
    memory = make(capacity);
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
  const auto held = bytes_held_.value();
  if (held > bytes_max_ || held - bytes_used_.value() > free_bytes_max) {
    bytes_held_.subtract(block.capacity);
    destroy(block.data, block.capacity);
    return;
  }
  free_[index] = new (block.data) Free{free_[index]};
}

}  // namespace net
