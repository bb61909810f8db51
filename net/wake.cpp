#include "net/wake.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace net {

core::Status Wake::open() {
  auto fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return {std::string{"eventfd: "} + std::strerror(errno)};
  watch(fd);
  own_ = true;
  return {};
}

void Wake::watch(int event_fd) {
  ONSALE_ASSERT(fd_ < 0 && event_fd >= 0);
  fd_ = event_fd;
  closing_ = false;
  arm();
}

// A poll, not a read: it works for blocking and non-blocking descriptors, and the kernel never writes into us.
void Wake::arm() { io_uring_prep_poll_add(&loop_.arm(poll_), fd_, POLLIN); }

void Wake::close() {
  if (fd_ < 0) return;
  closing_ = true;
  loop_.join(poll_);
  if (own_) ::close(fd_);
  fd_ = -1;
  own_ = false;
}

void Wake::notify() {
  if (notified_.exchange(true, std::memory_order_acq_rel)) return;
  uint64_t one = 1;
  static_cast<void>(!::write(fd_, &one, sizeof one));  // fails only when the counter is full, and then it is readable
}

void Wake::readable(Event event) noexcept {
  if (closing_) return;
  ONSALE_ASSERT(event.result > 0);  // a descriptor that cannot be polled would spin
  uint64_t count = 0;
  static_cast<void>(!::read(fd_, &count, sizeof count));
  notified_.store(false, std::memory_order_seq_cst);  // before the handler looks: what comes later wakes again
  handler_(context_);
  arm();
}

}  // namespace net
