#include "persist/doorbell.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/assert.hpp"

namespace persist {

Doorbell::Doorbell() : fd_{eventfd(0, EFD_CLOEXEC)} { ONSALE_ASSERT(fd_ >= 0); }

Doorbell::~Doorbell() { ::close(fd_); }

void Doorbell::ring() {
  if (rung_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  ONSALE_ASSERT(::write(fd_, &one, sizeof one) == sizeof one);
}

void Doorbell::wait(int timeout_ms) {
  pollfd waiting{fd_, POLLIN, 0};
  if (poll(&waiting, 1, timeout_ms) != 1) return;
  uint64_t rings;
  ONSALE_ASSERT(::read(fd_, &rings, sizeof rings) == sizeof rings);
}

}  // namespace persist
