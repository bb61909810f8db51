#include "net/loop.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/time.hpp"

namespace net {

namespace {

// Why each flag: SINGLE_ISSUER lets the kernel skip locks; DEFER_TASKRUN runs completions only when we ask, so they
// never interrupt a handler; SUBMIT_ALL keeps one bad entry from holding back the rest; CLAMP shrinks instead of fails.
constexpr uint32_t ring_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                                IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;

// A submission that fails this often in a row fails for a reason that will not pass.
constexpr int submit_attempts_max = 100'000;

std::string refusal(int error) {
  std::string cause = std::string{"io_uring cannot be set up ("} + std::strerror(error) + "): ";
  switch (error) {
    case EPERM:
    case EACCES:
      return cause +
             "allow it: sysctl kernel.io_uring_disabled=0, and a seccomp or container profile that permits "
             "io_uring_setup, io_uring_enter and io_uring_register";
    case ENOSYS:
      return cause + "the kernel lacks io_uring or a seccomp profile hides it; Linux 6.1 is needed";
    case EINVAL:
      return cause + "the kernel is too old; Linux 6.1 is needed";
    case ENOMEM:
      return cause + "raise the locked-memory limit: ulimit -l, or LimitMEMLOCK= in the systemd unit";
    case EMFILE:
    case ENFILE:
      return cause + "raise the limit of open files: ulimit -n, or LimitNOFILE= in the systemd unit";
    default:
      return cause + "unexpected; please report it with the kernel version";
  }
}

}  // namespace

void Hook::unschedule() {
  if (!scheduled()) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

Loop::Loop() : timers_{core::monotonic_ms()} {
  for (auto& head : hook_heads_) head.next_ = head.previous_ = &head;
  read_clocks();
}

Loop::~Loop() {
  for (auto& head : hook_heads_) {
    while (head.next_ != &head) head.next_->unschedule();
    head.next_ = head.previous_ = nullptr;
  }
  if (open_) io_uring_queue_exit(&ring_);
}

core::Status Loop::open(Settings settings) {
  ONSALE_ASSERT(!open_);
  io_uring_params parameters{};
  parameters.flags = ring_flags;
  parameters.cq_entries = settings.completion_entries;
  auto error = io_uring_queue_init_params(settings.submission_entries, &ring_, &parameters);
  if (error < 0) return {refusal(-error)};
  open_ = true;
  // Saves a descriptor look-up per system call; the ring works without it.
  static_cast<void>(io_uring_register_ring_fd(&ring_));
  return {};
}

uint32_t Loop::descriptors_max() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<uint32_t>(std::min<rlim_t>(limit.rlim_max, 1'000'000'000));
}

core::Status Loop::open_descriptors(uint32_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < count) {
    limit.rlim_cur = std::min<rlim_t>(count, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  auto error = io_uring_register_files_sparse(&ring_, count);
  if (error == 0) return {};
  return {"there is no room for " + std::to_string(count) + " connections (" + std::strerror(-error) +
          "): the limit of open files is " + std::to_string(limit.rlim_cur) +
          "; raise it (ulimit -n, LimitNOFILE= in the systemd unit) or allow fewer connections"};
}

io_uring_sqe& Loop::next_entry() {
  ONSALE_ASSERT(open_);
  auto* entry = io_uring_get_sqe(&ring_);
  for (auto attempts = 0; entry == nullptr; ++attempts) {
    ONSALE_ASSERT(attempts < submit_attempts_max);
    auto submitted = io_uring_submit(&ring_);
    // EBUSY and EAGAIN: the completion queue is behind. Entering with GETEVENTS moves overflown answers into it.
    if (submitted < 0) static_cast<void>(io_uring_get_events(&ring_));
    entry = io_uring_get_sqe(&ring_);
  }
  metrics_.submissions.add();  // here: what a call that waits returns says how many it took only sometimes
  return *entry;
}

io_uring_sqe& Loop::arm(Completion& done) {
  ONSALE_ASSERT(!done.armed_);
  auto& entry = next_entry();
  entry.user_data = reinterpret_cast<uintptr_t>(&done);
  done.armed_ = true;
  ++armed_;
  return entry;
}

void Loop::cancel(Completion& done) {
  if (done.armed_) io_uring_prep_cancel64(&unwatched(), reinterpret_cast<uintptr_t>(&done), 0);
}

void Loop::cancel_direct(uint32_t slot) {
  io_uring_prep_cancel_fd(&unwatched(), static_cast<int>(slot), IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_ALL);
}

io_uring_sqe& Loop::unwatched() {
  auto& entry = next_entry();
  entry.user_data = 0;
  return entry;
}

void Loop::join(Completion& done) {
  cancel(done);
  while (done.armed_) turn(TimerWheel::step_ms);
}

void Loop::turn(int64_t wait_ms_max) {
  metrics_.turns.add();
  run_hooks();
  submit_and_wait(hooks_waiting() ? 0 : timers_.wait_ms(now_ms_, wait_ms_max));
  read_clocks();
  while (dispatch() == events_per_copy) {
  }
  timers_.expire(now_ms_);
}

void Loop::read_clocks() {
  now_ms_ = core::monotonic_ms();
  wall_ms_ = core::wall_ms();
}

void Loop::run_hooks() {
  for (auto& head : hook_heads_) run_stage(head);
}

// The list is moved aside first: a hook that schedules itself again runs next turn and cannot hold this one.
void Loop::run_stage(Hook& head) {
  Hook aside;
  aside.next_ = aside.previous_ = &aside;
  while (head.next_ != &head) move_before(aside, *head.next_);
  while (aside.next_ != &aside) {
    auto& hook = *aside.next_;
    hook.unschedule();
    hook.run_(hook.context_);
  }
  aside.next_ = aside.previous_ = nullptr;
}

void Loop::move_before(Hook& head, Hook& hook) {
  hook.unschedule();
  hook.previous_ = head.previous_;
  hook.next_ = &head;
  head.previous_->next_ = &hook;
  head.previous_ = &hook;
}

// A hook may schedule its own or an earlier stage: that runs next turn, without waiting.
bool Loop::hooks_waiting() const {
  return std::any_of(hook_heads_.begin(), hook_heads_.end(), [](const Hook& head) { return head.next_ != &head; });
}

void Loop::submit_and_wait(int64_t wait_ms) {
  __kernel_timespec wait{wait_ms / 1000, wait_ms % 1000 * 1'000'000};
  io_uring_cqe* first = nullptr;
  auto result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &wait, nullptr);
  if (io_uring_cq_has_overflow(&ring_)) metrics_.overflows.add();
  // ETIME and EINTR are ordinary; EBUSY, EAGAIN and ENOMEM leave the entries queued for the next turn.
  ONSALE_ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY || result == -EAGAIN ||
                result == -ENOMEM);
}

// Answers are copied first: a handler that arms may submit, and the kernel then needs room in the queue. What arrives
// meanwhile is for the next turn, unless a whole copy was full.
uint32_t Loop::dispatch() {
  std::array<io_uring_cqe*, events_per_copy> entries;
  struct Copied {
    uint64_t user_data;
    Event event;
  };
  std::array<Copied, events_per_copy> copies;
  auto count = io_uring_peek_batch_cqe(&ring_, entries.data(), events_per_copy);
  for (uint32_t at = 0; at < count; ++at) {
    copies[at] = {entries[at]->user_data, {entries[at]->res, entries[at]->flags}};
  }
  io_uring_cq_advance(&ring_, count);
  metrics_.completions.add(count);
  for (uint32_t at = 0; at < count; ++at) deliver(copies[at].user_data, copies[at].event);
  return count;
}

void Loop::deliver(uint64_t user_data, Event event) {
  if (user_data == 0) return;
  auto& done = *reinterpret_cast<Completion*>(user_data);
  ONSALE_ASSERT(done.armed_);
  if (!event.more()) {
    done.armed_ = false;
    --armed_;
  }
  done.done_(done, event);
}

void Loop::schedule(Hook& hook) {
  if (!hook.scheduled()) move_before(hook_heads_[static_cast<uint32_t>(hook.stage_)], hook);
}

void Loop::start(Timer& timer, int64_t delay_ms) { timers_.start(timer, now_ms_ + delay_ms); }

}  // namespace net
