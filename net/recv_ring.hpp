// Receive buffers of one core, on loan: the kernel takes a buffer when bytes arrive for any connection and tells which;
// the handler reads them under a Lease, and the buffer is the kernel's again when the Lease leaves its scope.
//
//   one piece of memory   [buffer 0][buffer 1] ... [buffer n-1][slack]
//
// Behind every buffer at least 64 bytes are readable (the next buffer or the slack): a JSON parser may look there.
// Ownership: owns the memory; no view of a buffer outlives its Lease. Thread: the loop's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "net/completion.hpp"
#include "net/loop.hpp"

namespace net {

class RecvRing {
 public:
  static constexpr std::size_t slack_bytes = 64;
  struct Settings {
    uint32_t buffers;  // power of two, at most 32768
    uint32_t buffer_bytes;
    uint16_t group;  // one number for each ring of buffers of a loop
  };

  RecvRing(Loop& loop, Settings settings) : loop_{loop}, settings_{settings} {}
  ~RecvRing();
  RecvRing(const RecvRing&) = delete;
  RecvRing& operator=(const RecvRing&) = delete;
  core::Status open();

  class Lease {
   public:
    Lease(RecvRing& ring, Event event);  // asserts event.has_buffer()
    ~Lease() { ring_.give_back(id_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    std::span<char> bytes() const { return bytes_; }

   private:
    RecvRing& ring_;
    uint16_t id_;
    std::span<char> bytes_;
  };

  // A receive on a direct descriptor that takes its buffers here; `entry` comes from Loop::arm. POLL_FIRST: a server
  // socket that was just armed has nothing to read yet, so the kernel need not try.
  void prepare(io_uring_sqe& entry, uint32_t slot) const;
  uint32_t free_count() const { return free_; }  // buffers not on loan to us
  bool half_free() const { return free_ >= settings_.buffers / 2; }
  uint32_t buffer_bytes() const { return settings_.buffer_bytes; }

 private:
  void give_back(uint16_t id);
  char* buffer(uint32_t id) const { return buffers_ + std::size_t{id} * settings_.buffer_bytes; }
  std::size_t entries_bytes() const;
  std::size_t buffers_bytes() const;

  Loop& loop_;
  Settings settings_;
  io_uring_buf_ring* entries_ = nullptr;
  char* buffers_ = nullptr;
  uint32_t free_ = 0;
};

}  // namespace net
