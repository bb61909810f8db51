// Cryptographic randomness from the kernel, fetched a few thousand bytes at a time so that an id costs no system call.
// Ownership: value. Thread: one; each core has its own.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace core {

void kernel_random(void* bytes, std::size_t size);  // getrandom(2); a kernel that cannot stops the process

class Random {
 public:
  using Source = void (*)(void* bytes, std::size_t size);
  explicit Random(Source source = &kernel_random) : source_{source} {}
  Random(const Random&) = delete;  // two copies would hand out the same bytes
  Random& operator=(const Random&) = delete;

  void fill(void* bytes, std::size_t size);
  uint32_t next_u32();
  uint64_t next_u64();
  // From 0 to bound - 1, each equally likely; `bound` is not 0.
  uint32_t below(uint32_t bound);

 private:
  Source source_;
  std::array<std::byte, 4096> buffer_;
  std::size_t used_ = sizeof buffer_;  // of buffer_; what was handed out is wiped
};

}  // namespace core
