// A simulated io_uring: real submission and completion memory for the inline helpers of liburing.h, and behind it the
// operations this project uses, with the meaning Linux 6.1 to 6.18 give them. Any other operation ends the run.
//
//   entry ─submit─► attempt ──not now──► waits for its file ──changed──► work (a moment later) ─► attempt ...
//                      └─── done ─► completion queue; overflow list when that is full
//
// As with DEFER_TASKRUN nothing is answered but inside enter. Answers of different files overtake each other.
// Ownership: the kernel's. A request holds its file. Thread: one.
#pragma once
#include <liburing.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/kernel/buffer_group.hpp"
#include "tests/simulation/kernel/file.hpp"

namespace simulation {

class Kernel;
class Listener;

class Ring {
 public:
  Ring(Kernel& kernel, int descriptor, uint32_t submission_entries, uint32_t completion_entries);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void map(io_uring& into);
  int descriptor() const { return descriptor_; }
  // The system call. `deadline_us`: until when to wait for `wait_count` answers.
  int enter(uint32_t submissions, uint32_t wait_count, uint32_t flags, int64_t deadline_us);
  int add_buffers(const io_uring_buf_reg& registration);
  int remove_buffers(uint16_t group);
  int add_files(uint32_t count);

  // ---- what tests ask
  std::size_t requests() const { return requests_.size(); }
  std::size_t files_used() const;
  bool buffers_are_back();
  uint64_t enters() const { return enters_; }
  uint64_t overflows() const { return overflows_; }

 private:
  struct Request final : Watcher {
    Request(Ring& owner, const io_uring_sqe& what, uint64_t order) : ring{owner}, entry{what}, number{order} {}
    ~Request() {
      if (hold.file() != nullptr) hold.file()->unwatch(*this);
    }
    void file_changed() override { ring.wake(*this); }
    Ring& ring;
    const io_uring_sqe entry;
    const uint64_t number;
    Hold hold;
    std::string bytes;  // of a send, as they were when it was submitted
    uint32_t done_bytes = 0;
    bool waiting = false;  // for its file
    bool working = false;  // an attempt is about to be made
    bool cancelled = false;
  };
  struct Answer {  // an io_uring_cqe ends with an array of no size and cannot be copied
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
  };
  static constexpr int again = -EAGAIN;   // what an attempt answers that has to wait
  static constexpr int finished = -4095;  // the attempt has answered by itself

  int submit(uint32_t count);
  int wait(uint32_t count, int64_t deadline_us);
  void start(const io_uring_sqe& entry);
  std::optional<int> start_at_once(const io_uring_sqe& entry);
  void wake(Request& request);
  void schedule(Request& request);
  void work(uint64_t number);
  void run(Request& request);
  int attempt(Request& request);
  void finish(Request& request, int32_t result, uint32_t flags = 0);

  int attempt_receive(Request& request);
  int attempt_receive_multishot(Request& request);
  int attempt_send(Request& request);
  int attempt_accept(Request& request);
  int accept_one(Listener& listener);
  int attempt_read(Request& request);
  void start_connect(Request& request);
  int shut(const io_uring_sqe& entry, File& file);
  int close(const io_uring_sqe& entry);
  int cancel(const io_uring_sqe& entry);
  bool matches(const Request& request, const io_uring_sqe& cancel) const;
  int update_files(const io_uring_sqe& entry);

  File* file_of(const io_uring_sqe& entry) const;
  File* file_at(int number, bool fixed) const;
  bool post_more(const Request& request, int32_t result, uint32_t flags);
  void post(uint64_t user_data, int32_t result, uint32_t flags);
  void put(const Answer& answer);
  bool full() const { return completion_tail_ - completion_head_ == completion_entries_; }
  uint32_t ready() const { return completion_tail_ - completion_head_; }
  void flush_overflow();

  Kernel& kernel_;
  const int descriptor_;
  const uint32_t submission_entries_, completion_entries_;
  std::vector<io_uring_sqe> submissions_;
  std::vector<io_uring_cqe> completions_;
  uint32_t submission_head_ = 0, submission_tail_ = 0, submission_flags_ = 0;
  uint32_t completion_head_ = 0, completion_tail_ = 0;
  std::deque<Answer> overflow_;
  std::map<uint64_t, std::unique_ptr<Request>> requests_;  // by age
  std::map<uint16_t, std::unique_ptr<BufferGroup>> groups_;
  std::vector<Hold> files_;
  uint64_t started_ = 0, enters_ = 0, overflows_ = 0;
};

}  // namespace simulation
