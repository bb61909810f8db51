#include "core/random.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/assert.hpp"

namespace core {

void kernel_random(void* bytes, std::size_t size) {
  auto* out = static_cast<std::byte*>(bytes);
  while (size > 0) {
    const auto got = ::getrandom(out, size, 0);
    if (got < 0 && errno == EINTR) continue;
    ONSALE_ASSERT(got > 0);
    out += got;
    size -= static_cast<std::size_t>(got);
  }
}

void Random::fill(void* bytes, std::size_t size) {
  auto* out = static_cast<std::byte*>(bytes);
  while (size > 0) {
    if (used_ == buffer_.size()) {
      source_(buffer_.data(), buffer_.size());
      used_ = 0;
    }
    const auto take = std::min(size, buffer_.size() - used_);
    std::memcpy(out, buffer_.data() + used_, take);
    std::memset(buffer_.data() + used_, 0, take);
    used_ += take;
    out += take;
    size -= take;
  }
}

uint32_t Random::next_u32() {
  uint32_t value;
  fill(&value, sizeof value);
  return value;
}

uint64_t Random::next_u64() {
  uint64_t value;
  fill(&value, sizeof value);
  return value;
}

uint32_t Random::below(uint32_t bound) {
  ONSALE_ASSERT(bound > 0);
  const uint32_t unfair = (0u - bound) % bound;  // 2^32 mod bound: the lowest values would come once too often
  for (;;) {
    const uint32_t value = next_u32();
    if (value >= unfair) return value % bound;
  }
}

}  // namespace core
