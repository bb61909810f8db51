// Provided buffers of a ring, seen from the kernel: it takes them from the head, the program gives them back at the
// tail. A buffer that is the kernel's is poisoned under AddressSanitizer, so a view that outlives its lease is found,
// and one that is given back twice ends the run. Ownership: the memory is the program's. Thread: one.
#pragma once
#include <liburing.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace simulation {

class BufferGroup {
 public:
  BufferGroup(io_uring_buf_ring* ring, uint32_t entries);
  ~BufferGroup();
  BufferGroup(const BufferGroup&) = delete;
  BufferGroup& operator=(const BufferGroup&) = delete;
  // Takes the next buffer; nothing when the program has not given any back.
  std::optional<io_uring_buf> take();
  // The buffer taken last has not been used.
  void untake();
  uint32_t free_count();
  uint32_t entries() const { return entries_; }

 private:
  void look_at_tail();
  io_uring_buf& at(uint16_t number) { return ring_->bufs[number & (entries_ - 1)]; }

  io_uring_buf_ring* ring_;
  const uint32_t entries_;
  uint16_t head_ = 0;
  uint16_t tail_ = 0;  // seen
  std::vector<bool> ours_;
};

}  // namespace simulation
