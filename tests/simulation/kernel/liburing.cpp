// The functions of liburing this project calls, for the simulated kernel: the program is linked with this file instead
// of with the library. What they answer is what liburing 2.3 answers.
// Thread: one.
#include <liburing.h>

#include <algorithm>

#include "tests/simulation/kernel/kernel.hpp"
#include "tests/simulation/kernel/ring.hpp"

namespace {

using simulation::Agenda;
using simulation::Kernel;

simulation::Ring& ring_of(const io_uring* ring) { return Kernel::current().ring(ring->ring_fd); }

// Shows the kernel what was prepared; how many entries it has not taken yet.
uint32_t flush(io_uring* ring) {
  *ring->sq.ktail = ring->sq.sqe_head = ring->sq.sqe_tail;
  return ring->sq.sqe_tail - *ring->sq.khead;
}

int64_t deadline_us(const __kernel_timespec* wait) {
  if (wait == nullptr) return Agenda::never_us;
  return Kernel::current().agenda.now_us() + wait->tv_sec * 1'000'000 + wait->tv_nsec / 1000;
}

io_uring_cqe* first_answer(io_uring* ring) {
  const auto head = *ring->cq.khead;
  return head == *ring->cq.ktail ? nullptr : &ring->cq.cqes[head & ring->cq.ring_mask];
}

}  // namespace

extern "C" {

int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* parameters) {
  const auto completions = (parameters->flags & IORING_SETUP_CQSIZE) != 0 ? parameters->cq_entries : 2 * entries;
  Kernel::current().open_ring(entries, completions).map(*ring);
  return 0;
}

void io_uring_queue_exit(io_uring* ring) { Kernel::current().close_ring(ring->ring_fd); }

int io_uring_submit(io_uring* ring) {
  const auto count = flush(ring);
  return count == 0 ? 0 : ring_of(ring).enter(count, 0, 0, 0);
}

int io_uring_get_events(io_uring* ring) { return ring_of(ring).enter(0, 0, IORING_ENTER_GETEVENTS, 0); }

int io_uring_submit_and_get_events(io_uring* ring) {
  return ring_of(ring).enter(flush(ring), 0, IORING_ENTER_GETEVENTS, 0);
}

int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** first, unsigned wait_count, __kernel_timespec* wait,
                                     sigset_t*) {
  auto count = flush(ring);
  const auto until_us = deadline_us(wait);
  for (auto looped = false;; looped = true) {
    *first = first_answer(ring);
    const auto waits = *first == nullptr && wait_count > 0;
    if (!waits && count == 0) return 0;
    if (looped) return *first == nullptr && wait != nullptr ? -ETIME : 0;
    const auto entered = ring_of(ring).enter(count, wait_count, waits ? IORING_ENTER_GETEVENTS : 0, until_us);
    if (entered < 0) return entered;
    count -= static_cast<uint32_t>(entered);
    if (*first != nullptr) return 0;
  }
}

unsigned io_uring_peek_batch_cqe(io_uring* ring, io_uring_cqe** answers, unsigned count) {
  if (io_uring_cq_ready(ring) == 0 && io_uring_cq_has_overflow(ring)) io_uring_get_events(ring);
  const auto ready = std::min(io_uring_cq_ready(ring), count);
  for (unsigned at = 0; at < ready; ++at) answers[at] = &ring->cq.cqes[(*ring->cq.khead + at) & ring->cq.ring_mask];
  return ready;
}

int io_uring_register_ring_fd(io_uring*) { return 1; }

int io_uring_register_buf_ring(io_uring* ring, io_uring_buf_reg* registration, unsigned) {
  return ring_of(ring).add_buffers(*registration);
}

int io_uring_unregister_buf_ring(io_uring* ring, int group) {
  return ring_of(ring).remove_buffers(static_cast<uint16_t>(group));
}

int io_uring_register_files_sparse(io_uring* ring, unsigned count) { return ring_of(ring).add_files(count); }

}  // extern "C"
