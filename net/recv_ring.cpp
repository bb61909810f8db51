#include "net/recv_ring.hpp"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/assert.hpp"

namespace net {

namespace {

void* map(std::size_t bytes) {
  auto* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

std::size_t RecvRing::entries_bytes() const { return settings_.buffers * sizeof(io_uring_buf); }

std::size_t RecvRing::buffers_bytes() const {
  return std::size_t{settings_.buffers} * settings_.buffer_bytes + slack_bytes;
}

core::Status RecvRing::open() {
  ONSALE_ASSERT(entries_ == nullptr && std::has_single_bit(settings_.buffers) && settings_.buffers <= 32768);
  entries_ = static_cast<io_uring_buf_ring*>(map(entries_bytes()));
  buffers_ = static_cast<char*>(map(buffers_bytes()));
  if (entries_ == nullptr || buffers_ == nullptr) return {"no memory for the receive buffers"};
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(entries_);
  registration.ring_entries = settings_.buffers;
  registration.bgid = settings_.group;
  if (auto error = io_uring_register_buf_ring(&loop_.ring(), &registration, 0); error < 0) {
    return {std::string{"the receive buffers cannot be registered ("} + std::strerror(-error) +
            "): Linux 6.1 and a locked-memory limit (ulimit -l, LimitMEMLOCK=) of some MiB are needed"};
  }
  io_uring_buf_ring_init(entries_);
  for (uint32_t id = 0; id < settings_.buffers; ++id) give_back(static_cast<uint16_t>(id));
  return {};
}

RecvRing::~RecvRing() {
  if (free_ > 0) io_uring_unregister_buf_ring(&loop_.ring(), settings_.group);
  if (entries_ != nullptr) ::munmap(entries_, entries_bytes());
  if (buffers_ != nullptr) ::munmap(buffers_, buffers_bytes());
}

void RecvRing::prepare(io_uring_sqe& entry, uint32_t slot) const {
  io_uring_prep_recv_multishot(&entry, static_cast<int>(slot), nullptr, 0, 0);
  entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  entry.flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
  entry.buf_group = settings_.group;
}

void RecvRing::give_back(uint16_t id) {
  auto mask = io_uring_buf_ring_mask(settings_.buffers);
  io_uring_buf_ring_add(entries_, buffer(id), settings_.buffer_bytes, id, mask, 0);
  io_uring_buf_ring_advance(entries_, 1);
  ++free_;
}

RecvRing::Lease::Lease(RecvRing& ring, Event event) : ring_{ring}, id_{event.buffer_id()} {
  ONSALE_ASSERT(event.has_buffer() && ring.free_ > 0 && id_ < ring.settings_.buffers);
  bytes_ = {ring.buffer(id_), static_cast<std::size_t>(event.result > 0 ? event.result : 0)};
  --ring.free_;
}

}  // namespace net
