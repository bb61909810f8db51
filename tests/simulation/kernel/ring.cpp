#include "tests/simulation/kernel/ring.hpp"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "tests/simulation/kernel/kernel.hpp"

namespace simulation {
namespace {

// As many receives a multishot makes before others get their turn (MULTISHOT_MAX_RETRY of Linux).
constexpr int receives_max = 32;

// Twenty times as many system calls as the busiest run makes.
constexpr uint64_t enters_max = 200'000;

template <class T>
T* memory(uint64_t address) {
  return reinterpret_cast<T*>(static_cast<uintptr_t>(address));
}

bool reads(uint8_t operation) { return operation != IORING_OP_SEND; }

bool is_multishot(const io_uring_sqe& entry) {
  return (entry.opcode == IORING_OP_RECV && (entry.ioprio & IORING_RECV_MULTISHOT) != 0) ||
         (entry.opcode == IORING_OP_ACCEPT && (entry.ioprio & IORING_ACCEPT_MULTISHOT) != 0);
}

uint16_t port_of(const io_uring_sqe& connect) {
  const auto* address = memory<const sockaddr>(connect.addr);
  if (address->sa_family != AF_INET) fail("the simulated network knows only IPv4");
  return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

}  // namespace

Ring::Ring(Kernel& kernel, int descriptor, uint32_t submission_entries, uint32_t completion_entries)
    : kernel_{kernel},
      descriptor_{descriptor},
      submission_entries_{std::bit_ceil(submission_entries)},
      completion_entries_{std::bit_ceil(completion_entries)},
      submissions_(submission_entries_),
      completions_(completion_entries_) {}

void Ring::map(io_uring& into) {
  into = {};
  into.ring_fd = into.enter_ring_fd = descriptor_;
  into.features = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP;
  into.sq.khead = &submission_head_;
  into.sq.ktail = &submission_tail_;
  into.sq.kflags = &submission_flags_;
  into.sq.sqes = submissions_.data();
  into.sq.ring_entries = submission_entries_;
  into.sq.ring_mask = submission_entries_ - 1;
  into.cq.khead = &completion_head_;
  into.cq.ktail = &completion_tail_;
  into.cq.cqes = completions_.data();
  into.cq.ring_entries = completion_entries_;
  into.cq.ring_mask = completion_entries_ - 1;
}

// ---------------------------------------------------------------- the system call

int Ring::enter(uint32_t submissions, uint32_t wait_count, uint32_t flags, int64_t deadline_us) {
  if (++enters_ > enters_max) fail("the loop spins");
  kernel_.agenda.pass_us(kernel_.chance.between(1, 20));
  const auto submitted = submit(submissions);
  if (submitted != static_cast<int>(submissions)) return submitted;  // some stay in the queue: no wait, as in Linux
  const auto waited = (flags & IORING_ENTER_GETEVENTS) != 0 ? wait(wait_count, deadline_us) : 0;
  return submitted > 0 ? submitted : waited;
}

int Ring::submit(uint32_t count) {
  if (count == 0) return 0;
  auto& chance = kernel_.chance;
  if (!overflow_.empty() && chance.happens(kernel_.weather.busy_permille)) return -EBUSY;
  if (chance.happens(kernel_.weather.submit_fails_permille)) return -EAGAIN;
  if (chance.happens(kernel_.weather.submit_stops_permille)) count = chance.between(1, count);
  for (uint32_t at = 0; at < count; ++at) {
    const auto entry = submissions_[submission_head_ & (submission_entries_ - 1)];
    ++submission_head_;
    start(entry);
  }
  return static_cast<int>(count);
}

int Ring::wait(uint32_t count, int64_t deadline_us) {
  auto& agenda = kernel_.agenda;
  agenda.do_due();
  flush_overflow();
  while (ready() < count && agenda.now_us() < deadline_us) {
    if (kernel_.chance.happens(kernel_.weather.interrupted_permille)) return -EINTR;
    agenda.wait(deadline_us);
    flush_overflow();
  }
  return ready() < count ? -ETIME : 0;
}

// ---------------------------------------------------------------- requests

void Ring::start(const io_uring_sqe& entry) {
  kernel_.note("start", entry.opcode, started_ + 1);
  if ((entry.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_IO_DRAIN)) != 0) fail("links are not simulated");
  const auto number = ++started_;
  auto& slot = requests_[number];
  slot = std::make_unique<Request>(*this, entry, number);
  auto& request = *slot;
  if (const auto result = start_at_once(entry)) return finish(request, *result);
  auto* file = file_of(entry);
  if (file == nullptr) return finish(request, -EBADF);
  request.hold = Hold{*file};
  if (entry.opcode == IORING_OP_SEND) request.bytes.assign(memory<const char>(entry.addr), entry.len);
  if (entry.opcode == IORING_OP_CONNECT) return start_connect(request);
  file->watch(request);
  // Linux hands a shutdown to a worker thread, and a receive with POLL_FIRST does not try before it is woken.
  const auto later = entry.opcode == IORING_OP_SHUTDOWN ||
                     (entry.opcode == IORING_OP_RECV && (entry.ioprio & IORING_RECVSEND_POLL_FIRST) != 0);
  if (!later) return run(request);
  request.waiting = true;
  wake(request);
}

// Operations that never wait; nothing for the others.
std::optional<int> Ring::start_at_once(const io_uring_sqe& entry) {
  switch (entry.opcode) {
    case IORING_OP_ASYNC_CANCEL:
      return cancel(entry);
    case IORING_OP_CLOSE:
      return close(entry);
    case IORING_OP_FILES_UPDATE:
      return update_files(entry);
    case IORING_OP_RECV:
    case IORING_OP_SEND:
    case IORING_OP_ACCEPT:
    case IORING_OP_CONNECT:
    case IORING_OP_POLL_ADD:
    case IORING_OP_READ:
    case IORING_OP_SHUTDOWN:
      return std::nullopt;
    default:
      fail("operation " + std::to_string(entry.opcode) + " is not simulated");
  }
}

void Ring::wake(Request& request) {
  if (!request.waiting) return;
  auto& file = *request.hold.file();
  if (reads(request.entry.opcode) ? file.readable() : file.writable()) return schedule(request);
  if (request.entry.opcode == IORING_OP_SHUTDOWN) schedule(request);
}

void Ring::schedule(Request& request) {
  if (request.working) return;
  request.working = true;
  kernel_.agenda.in_us(kernel_.work_delay_us(), [this, number = request.number] { work(number); });
}

void Ring::work(uint64_t number) {
  const auto found = requests_.find(number);
  if (found == requests_.end()) return;
  auto& request = *found->second;
  request.working = false;
  if (!request.cancelled) return run(request);
  // A send that had already taken something tells how much, and not that it was cancelled.
  finish(request, request.done_bytes > 0 ? static_cast<int32_t>(request.done_bytes) : -ECANCELED);
}

void Ring::run(Request& request) {
  request.waiting = false;
  const auto result = attempt(request);
  if (result == finished) return;
  if (result != again) return finish(request, result);
  request.waiting = true;
  wake(request);
}

int Ring::attempt(Request& request) {
  auto& file = *request.hold.file();
  switch (request.entry.opcode) {
    case IORING_OP_RECV:
      return is_multishot(request.entry) ? attempt_receive_multishot(request) : attempt_receive(request);
    case IORING_OP_SEND:
      return attempt_send(request);
    case IORING_OP_ACCEPT:
      return attempt_accept(request);
    case IORING_OP_READ:
      return attempt_read(request);
    case IORING_OP_CONNECT:  // woken before it was received: somebody shut the socket
      return file.readable() ? -ECONNRESET : again;
    case IORING_OP_SHUTDOWN:
      return shut(request.entry, file);
    default:  // POLL_ADD
      return file.readable() ? POLLIN : again;
  }
}

void Ring::finish(Request& request, int32_t result, uint32_t flags) {
  const auto entry = request.entry;
  kernel_.note("done", entry.opcode, request.number, result, flags);
  requests_.erase(request.number);
  if (result >= 0 && (entry.flags & IOSQE_CQE_SKIP_SUCCESS) != 0) return;
  post(entry.user_data, result, flags);
}

// ---------------------------------------------------------------- bytes

int Ring::attempt_receive(Request& request) {
  auto* stream = dynamic_cast<Stream*>(request.hold.file());
  if (stream == nullptr) return -ENOTSOCK;
  return static_cast<int>(stream->receive(memory<char>(request.entry.addr), request.entry.len));
}

// A buffer is chosen before the socket is looked at: without one it is ENOBUFS, whatever the socket has to say.
int Ring::attempt_receive_multishot(Request& request) {
  auto* stream = dynamic_cast<Stream*>(request.hold.file());
  if (stream == nullptr) return -ENOTSOCK;
  const auto group = groups_.find(request.entry.buf_group);
  if (group == groups_.end()) return -ENOBUFS;
  for (auto receives = 0; receives < receives_max; ++receives) {
    const auto buffer = group->second->take();
    if (!buffer) return -ENOBUFS;
    const auto count = stream->receive(memory<char>(buffer->addr), buffer->len);
    if (count <= 0) {
      group->second->untake();
      return static_cast<int>(count);
    }
    const auto flags = IORING_CQE_F_BUFFER | uint32_t{buffer->bid} << IORING_CQE_BUFFER_SHIFT;
    if (!post_more(request, static_cast<int32_t>(count), flags)) {
      finish(request, static_cast<int32_t>(count), flags);
      return finished;
    }
    if (!stream->readable() && !kernel_.chance.happens(kernel_.weather.unsure_nonempty_permille)) return again;
  }
  return again;
}

// With MSG_WAITALL Linux goes on until all has been taken; an error then tells how much was taken before it.
int Ring::attempt_send(Request& request) {
  auto* stream = dynamic_cast<Stream*>(request.hold.file());
  if (stream == nullptr) return -ENOTSOCK;
  const auto& entry = request.entry;
  if (std::memcmp(request.bytes.data(), memory<const char>(entry.addr), entry.len) != 0)
    fail("bytes changed while the kernel was sending them");
  while (request.done_bytes < entry.len) {
    auto rest = std::string_view{request.bytes}.substr(request.done_bytes);
    if (kernel_.chance.happens(kernel_.weather.short_send_permille))
      rest = rest.substr(0, kernel_.chance.between(1, static_cast<uint32_t>(rest.size())));
    const auto count = stream->send(rest);
    if (count == -EAGAIN) break;
    if (count < 0) return request.done_bytes > 0 ? static_cast<int>(request.done_bytes) : static_cast<int>(count);
    request.done_bytes += static_cast<uint32_t>(count);
    if ((entry.msg_flags & MSG_WAITALL) == 0) break;
  }
  const auto all = request.done_bytes == entry.len;
  const auto some = request.done_bytes > 0 && (entry.msg_flags & MSG_WAITALL) == 0;
  return all || some ? static_cast<int>(request.done_bytes) : again;
}

int Ring::attempt_read(Request& request) {
  auto* counter = dynamic_cast<EventCounter*>(request.hold.file());
  if (counter == nullptr) fail("only event counters can be read here");
  if (counter->count == 0) return again;
  std::memcpy(memory<char>(request.entry.addr), &counter->count, sizeof counter->count);
  counter->count = 0;
  return sizeof counter->count;
}

// ---------------------------------------------------------------- connections

int Ring::attempt_accept(Request& request) {
  auto* listener = dynamic_cast<Listener*>(request.hold.file());
  if (listener == nullptr) return -EINVAL;
  if (!is_multishot(request.entry) || request.entry.file_index != 0) fail("only plain multishot accepts are simulated");
  while (!listener->waiting.empty()) {
    if (kernel_.chance.happens(kernel_.weather.accept_fails_permille))
      return kernel_.chance.happens(500) ? -ECONNABORTED : -EMFILE;
    const auto descriptor = accept_one(*listener);
    if (descriptor < 0 || !post_more(request, descriptor, 0)) return descriptor;
  }
  return again;
}

int Ring::accept_one(Listener& listener) {
  const auto descriptor = kernel_.open(*listener.waiting.front());
  if (descriptor >= 0) listener.waiting.pop_front();
  return descriptor;
}

void Ring::start_connect(Request& request) {
  const auto port = port_of(request.entry);
  auto* stream = kernel_.connect_out(port);
  if (stream != nullptr) {
    kernel_.replace(request.entry.fd, *stream);
    request.hold = Hold{*stream};
    stream->watch(request);
    request.waiting = true;
  }
  kernel_.agenda.in_us(kernel_.latency_us(), [this, stream, port, number = request.number] {
    const auto found = requests_.find(number);
    if (found == requests_.end() || found->second->cancelled) return;
    const auto reception = stream == nullptr ? Kernel::Reception::refused : kernel_.receive_outside(port, *stream);
    if (reception == Kernel::Reception::silent) return;
    finish(*found->second, reception == Kernel::Reception::accepted ? 0 : -ECONNREFUSED);
  });
}

int Ring::shut(const io_uring_sqe& entry, File& file) {
  auto* stream = dynamic_cast<Stream*>(&file);
  if (stream == nullptr || stream->was_reset()) return -ENOTCONN;
  const auto how = static_cast<int>(entry.len);
  stream->shut(how != SHUT_WR, how != SHUT_RD);
  return 0;
}

int Ring::close(const io_uring_sqe& entry) {
  if (entry.file_index == 0) return kernel_.close(entry.fd);
  const auto slot = entry.file_index - 1;
  if (slot >= files_.size()) return -EINVAL;
  if (files_[slot].file() == nullptr) return -EBADF;
  const auto closed = std::exchange(files_[slot], Hold{});
  return 0;
}

int Ring::update_files(const io_uring_sqe& entry) {
  if (entry.off + entry.len > files_.size()) return -EINVAL;
  if (kernel_.chance.happens(kernel_.weather.file_update_fails_permille)) return -ENOMEM;
  const auto* descriptors = memory<const int>(entry.addr);
  for (uint32_t at = 0; at < entry.len; ++at) {
    auto* file = descriptors[at] < 0 ? nullptr : kernel_.file(descriptors[at]);
    if (file == nullptr && descriptors[at] != -1) return at > 0 ? static_cast<int>(at) : -EBADF;
    files_[entry.off + at] = file == nullptr ? Hold{} : Hold{*file};
  }
  return static_cast<int>(entry.len);
}

// ---------------------------------------------------------------- cancelling

int Ring::cancel(const io_uring_sqe& entry) {
  const auto by_file = (entry.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0;
  if (by_file && file_of(entry) == nullptr) return -EBADF;
  if (!by_file && kernel_.chance.happens(kernel_.weather.cancel_blind_permille)) return -ENOENT;
  const auto all = (entry.cancel_flags & IORING_ASYNC_CANCEL_ALL) != 0;
  auto count = 0;
  for (const auto& [number, request] : requests_) {
    if (number == started_ || request->cancelled || !matches(*request, entry)) continue;
    request->cancelled = true;
    schedule(*request);
    ++count;
    if (!all) return 0;
  }
  return all ? count : -ENOENT;
}

bool Ring::matches(const Request& request, const io_uring_sqe& cancel) const {
  if (request.entry.opcode == IORING_OP_SHUTDOWN) return false;  // a worker has it: too late
  if ((cancel.cancel_flags & IORING_ASYNC_CANCEL_FD) != 0) return request.hold.file() == file_of(cancel);
  return request.entry.user_data == cancel.addr;
}

// ---------------------------------------------------------------- files and buffers

File* Ring::file_of(const io_uring_sqe& entry) const {
  const auto cancel_fixed =
      entry.opcode == IORING_OP_ASYNC_CANCEL && (entry.cancel_flags & IORING_ASYNC_CANCEL_FD_FIXED) != 0;
  return file_at(entry.fd, cancel_fixed || (entry.flags & IOSQE_FIXED_FILE) != 0);
}

File* Ring::file_at(int number, bool fixed) const {
  if (!fixed) return kernel_.file(number);
  const auto slot = static_cast<std::size_t>(number);
  return slot < files_.size() ? files_[slot].file() : nullptr;
}

int Ring::add_files(uint32_t count) {
  if (!files_.empty()) return -EBUSY;
  files_.resize(count);
  return 0;
}

std::size_t Ring::files_used() const {
  return static_cast<std::size_t>(
      std::count_if(files_.begin(), files_.end(), [](const Hold& hold) { return hold.file() != nullptr; }));
}

int Ring::add_buffers(const io_uring_buf_reg& registration) {
  auto& group = groups_[registration.bgid];
  if (group != nullptr) return -EEXIST;
  group = std::make_unique<BufferGroup>(memory<io_uring_buf_ring>(registration.ring_addr), registration.ring_entries);
  return 0;
}

int Ring::remove_buffers(uint16_t group) { return groups_.erase(group) == 1 ? 0 : -ENOENT; }

bool Ring::buffers_are_back() {
  return std::all_of(groups_.begin(), groups_.end(),
                     [](auto& group) { return group.second->free_count() == group.second->entries(); });
}

// ---------------------------------------------------------------- answers

// An answer after which the operation goes on. False: it cannot go on, and this answer is its last. So it is when the
// completion queue is full, and so it may be at any time.
bool Ring::post_more(const Request& request, int32_t result, uint32_t flags) {
  if (full() || !overflow_.empty()) return false;
  if (kernel_.chance.happens(kernel_.weather.multishot_ends_permille)) return false;
  kernel_.note("more", request.entry.opcode, request.number, result, flags);
  post(request.entry.user_data, result, flags | IORING_CQE_F_MORE);
  return true;
}

void Ring::post(uint64_t user_data, int32_t result, uint32_t flags) {
  const Answer answer{user_data, result, flags};
  if (!full() && overflow_.empty()) return put(answer);
  ++overflows_;
  overflow_.push_back(answer);
  submission_flags_ |= IORING_SQ_CQ_OVERFLOW;
}

void Ring::put(const Answer& answer) {
  auto& place = completions_[completion_tail_ & (completion_entries_ - 1)];
  place.user_data = answer.user_data;
  place.res = answer.result;
  place.flags = answer.flags;
  ++completion_tail_;
}

void Ring::flush_overflow() {
  while (!overflow_.empty() && !full()) {
    put(overflow_.front());
    overflow_.pop_front();
  }
  if (overflow_.empty()) submission_flags_ &= ~IORING_SQ_CQ_OVERFLOW;
}

}  // namespace simulation
