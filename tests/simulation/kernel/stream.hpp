// One end of a TCP connection. Both ends are of this kind: one belongs to the program under test, the other to the
// outside world. Bytes wait at the sender until they arrive, in portions, when the weather says.
//
//   send ─► unsent ──(latency, portions, the receiver's room)──► received ─► receive
//
// As in Linux: what has arrived can be read after a reset; what has not left when the sender resets is lost; closing
// with unread bytes resets; bytes for an end that is closed are answered with a reset. Ownership: the kernel's, for the
// whole run. Thread: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/simulation/kernel/file.hpp"

namespace simulation {

class Kernel;

class Stream final : public File {
 public:
  explicit Stream(Kernel& kernel);
  static void join(Stream& one, Stream& other);

  // The calls of a program: a count, or a negative errno (-EAGAIN: not now).
  int64_t receive(char* into, std::size_t size);
  int64_t send(std::string_view bytes);
  void shut(bool reading, bool writing);
  void reset();  // the other end is told, and what it had not read of ours by now is lost on the way
  // The host is gone without a word: from now on nothing passes in either direction.
  void vanish();

  bool readable() const override;
  bool writable() const override;
  Stream* peer() const { return peer_; }
  bool was_reset() const { return dead_; }
  bool ended() const { return fin_received_ && received_.size() == taken_; }  // all read that will ever come
  std::size_t unsent_bytes() const { return unsent_.size() - left_; }

  void set_user_timeout_ms(int64_t timeout_ms) { user_timeout_ms_ = timeout_ms; }

  uint32_t number = 0;  // for the trace

 private:
  void let_go() override;
  std::size_t room() const;
  void schedule_delivery();
  void deliver();
  void deliver_portion();
  void fail(int error);
  void watch_progress();

  Kernel& kernel_;
  Stream* peer_ = nullptr;
  std::string unsent_, received_;
  std::size_t left_ = 0;   // of unsent_, gone
  std::size_t taken_ = 0;  // of received_, read
  int64_t user_timeout_ms_ = 0;
  int64_t progress_us_ = 0;  // when the peer last took bytes, or there were none for it
  int error_ = 0;
  bool delivering_ = false, watching_progress_ = false;
  bool shut_reading_ = false, shut_writing_ = false;
  bool fin_sent_ = false, fin_received_ = false;
  bool dead_ = false;  // reset, by either end
  bool vanished_ = false;
  bool closed_ = false;
};

}  // namespace simulation
