#include "tests/simulation/kernel/buffer_group.hpp"

#include <string>

#include "tests/simulation/kernel/kernel.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (static_cast<void>(address), static_cast<void>(size))
#endif

namespace simulation {
namespace {

// Behind a buffer on loan this many bytes of the next one may be read.
constexpr uint64_t slack_bytes = 64;

void* memory(const io_uring_buf& buffer, uint64_t offset = 0) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(buffer.addr + offset));
}

void poison(const io_uring_buf& buffer) {
  if (buffer.len > slack_bytes) ASAN_POISON_MEMORY_REGION(memory(buffer, slack_bytes), buffer.len - slack_bytes);
}

void unpoison(const io_uring_buf& buffer) { ASAN_UNPOISON_MEMORY_REGION(memory(buffer), buffer.len); }

}  // namespace

BufferGroup::BufferGroup(io_uring_buf_ring* ring, uint32_t entries) : ring_{ring}, entries_{entries}, ours_(entries) {}

BufferGroup::~BufferGroup() {
  while (take()) {
  }
}

// The tail of the program is only read here: what it writes between two system calls, the kernel sees late.
void BufferGroup::look_at_tail() {
  for (const uint16_t tail = ring_->tail; tail_ != tail; ++tail_) {
    const auto& given = at(tail_);
    if (given.bid >= entries_) fail("a buffer of an unknown number was given back");
    if (ours_[given.bid]) fail("receive buffer " + std::to_string(given.bid) + " was given back twice");
    ours_[given.bid] = true;
    poison(given);
  }
}

std::optional<io_uring_buf> BufferGroup::take() {
  look_at_tail();
  if (head_ == tail_) return std::nullopt;
  auto& taken = at(head_++);
  ours_[taken.bid] = false;
  unpoison(taken);
  return taken;
}

void BufferGroup::untake() {
  auto& taken = at(--head_);
  ours_[taken.bid] = true;
  poison(taken);
}

uint32_t BufferGroup::free_count() {
  look_at_tail();
  return static_cast<uint16_t>(tail_ - head_);
}

}  // namespace simulation
