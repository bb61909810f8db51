// The socket and clock calls of the program under test, led here by the linker (-Wl,--wrap=NAME in CMakeLists.txt).
// While a simulated kernel lives, they are its; descriptors that are not its own, and everything else, go to libc.
// Thread: one.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "tests/simulation/kernel/kernel.hpp"

namespace {

using simulation::Kernel;

constexpr int64_t wall_offset_us = 1'795'000'000'000'000;  // some day in 2026

int answer(int64_t result) {
  if (result >= 0) return static_cast<int>(result);
  errno = static_cast<int>(-result);
  return -1;
}

template <class Kind>
Kind* find(int descriptor) {
  return Kernel::current().file_as<Kind>(descriptor);
}

int put_address(uint16_t port, sockaddr* address, socklen_t* size) {
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_port = htons(port);
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::memcpy(address, &loopback, std::min<std::size_t>(*size, sizeof loopback));
  *size = sizeof loopback;
  return 0;
}

}  // namespace

extern "C" {

int __real_close(int descriptor);
ssize_t __real_read(int descriptor, void* bytes, size_t size);
ssize_t __real_write(int descriptor, const void* bytes, size_t size);
int __real_clock_gettime(clockid_t clock, timespec* now);
ssize_t __real_getrandom(void* bytes, size_t size, unsigned flags);
unsigned __real__ZNSt13random_device9_M_getvalEv(void* device);

int __wrap_socket(int, int, int) {
  return answer(Kernel::current().open(Kernel::current().make<simulation::Socket>()));
}

int __wrap_eventfd(unsigned count, int) {
  auto& made = Kernel::current().make<simulation::EventCounter>();
  made.count = count;
  return answer(Kernel::current().open(made));
}

int __wrap_close(int descriptor) {
  return Kernel::owns(descriptor) ? answer(Kernel::current().close(descriptor)) : __real_close(descriptor);
}

int __wrap_bind(int descriptor, const sockaddr* address, socklen_t) {
  auto* socket = find<simulation::Socket>(descriptor);
  if (socket == nullptr) return answer(-EINVAL);
  socket->port = ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  return 0;
}

int __wrap_listen(int descriptor, int) { return answer(Kernel::current().listen(descriptor)); }

int __wrap_getsockname(int descriptor, sockaddr* address, socklen_t* size) {
  auto* listener = find<simulation::Listener>(descriptor);
  return listener == nullptr ? answer(-EBADF) : put_address(listener->port, address, size);
}

int __wrap_getpeername(int descriptor, sockaddr* address, socklen_t* size) {
  auto* stream = find<simulation::Stream>(descriptor);
  return stream == nullptr || stream->was_reset() ? answer(-ENOTCONN) : put_address(1, address, size);
}

int __wrap_setsockopt(int descriptor, int level, int option, const void* value, socklen_t) {
  if (level == IPPROTO_TCP && option == TCP_USER_TIMEOUT) {
    const auto timeout_ms = *static_cast<const unsigned*>(value);
    if (auto* socket = find<simulation::Socket>(descriptor)) socket->user_timeout_ms = timeout_ms;
    if (auto* stream = find<simulation::Stream>(descriptor)) stream->set_user_timeout_ms(timeout_ms);
  }
  return Kernel::current().file(descriptor) == nullptr ? answer(-EBADF) : 0;
}

int __wrap_shutdown(int descriptor, int how) {
  auto* stream = find<simulation::Stream>(descriptor);
  if (stream == nullptr || stream->was_reset()) return answer(-ENOTCONN);
  stream->shut(how != SHUT_WR, how != SHUT_RD);
  return 0;
}

ssize_t __wrap_send(int descriptor, const void* bytes, size_t size, int) {
  auto* stream = find<simulation::Stream>(descriptor);
  return stream == nullptr ? answer(-ENOTSOCK) : answer(stream->send({static_cast<const char*>(bytes), size}));
}

ssize_t __wrap_read(int descriptor, void* bytes, size_t size) {
  if (!Kernel::owns(descriptor)) return __real_read(descriptor, bytes, size);
  auto* counter = find<simulation::EventCounter>(descriptor);
  if (counter == nullptr || counter->count == 0) return answer(-EAGAIN);
  std::memcpy(bytes, &counter->count, sizeof counter->count);
  counter->count = 0;
  return sizeof counter->count;
}

ssize_t __wrap_write(int descriptor, const void* bytes, size_t size) {
  if (!Kernel::owns(descriptor)) return __real_write(descriptor, bytes, size);
  auto* counter = find<simulation::EventCounter>(descriptor);
  if (counter == nullptr) return answer(-EBADF);
  uint64_t added = 0;
  std::memcpy(&added, bytes, sizeof added);
  counter->count += added;
  counter->changed();
  return static_cast<ssize_t>(size);
}

int __wrap_clock_gettime(clockid_t clock, timespec* now) {
  if (!Kernel::running()) return __real_clock_gettime(clock, now);
  const auto now_us = Kernel::current().agenda.now_us() + (clock == CLOCK_REALTIME ? wall_offset_us : 0);
  *now = {now_us / 1'000'000, now_us % 1'000'000 * 1000};
  return 0;
}

ssize_t __wrap_getrandom(void* bytes, size_t size, unsigned flags) {
  if (!Kernel::running()) return __real_getrandom(bytes, size, flags);
  for (size_t at = 0; at < size; ++at)
    static_cast<char*>(bytes)[at] = static_cast<char>(Kernel::current().chance.next());
  return static_cast<ssize_t>(size);
}

// std::random_device::_M_getval()
unsigned __wrap__ZNSt13random_device9_M_getvalEv(void* device) {
  return Kernel::running() ? Kernel::current().chance.below(~0u) : __real__ZNSt13random_device9_M_getvalEv(device);
}

}  // extern "C"
