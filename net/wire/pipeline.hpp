// Many commands on one connection to Redis: bytes in, bytes out, no sockets.
//
//   append ──► [ filling ]  ─swap at begin_send─►  [ sending | in the kernel ] ──► Redis
//                                                                                  │
//   sinks: ring of pending replies  ◄── received ── [ receive buffer ] ◄───────────┘
//          head: the oldest unanswered · expired: first that may still time out · tail
//
// Arguments are rendered when they are appended, so the caller's views may die at once. One buffer fills while the
// other is in the kernel. Replies come in the order of the commands; each sink is called exactly once: with its reply,
// with `timeout` when its deadline passes (what was sent cannot be taken back: the late reply is swallowed), or with
// the error of fail_all. Sinks may append, from inside any of these calls.
// Nothing is allocated once the buffers have grown to what the traffic needs.
// Ownership: owns its buffers; sinks and their contexts belong to the callers. Thread: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/continuation.hpp"
#include "core/limits.hpp"
#include "core/text_buffer.hpp"
#include "net/wire/resp.hpp"

namespace net {

using Sink = core::Continuation<resp::View>;
static_assert(sizeof(Sink) == 2 * sizeof(void*));

// The beginning of a command, rendered once: bulk strings, and how many there are.
struct Prepared {
  std::string head;
  uint32_t parts = 0;
};
Prepared prepare(std::span<const std::string_view> arguments);
// EVALSHA <sha1> <number of keys> <keys...>
Prepared prepare_script(std::string_view sha1, std::span<const std::string> keys);

class Pipeline {
 public:
  struct Settings {
    uint32_t depth_max = core::limits::pipeline_depth_max;  // commands without a reply; power of two
    std::size_t unsent_bytes_max = core::limits::pipeline_bytes_max;
    std::size_t reply_bytes_max = core::limits::reply_bytes_max;
    std::size_t receive_bytes = 64 * 1024;  // to begin with; grows to hold one whole reply
    int64_t timeout_ms = core::limits::redis_ms_max;
  };
  // Looks at every error reply before its sink does. `none` lets it through; anything else goes to the sink instead.
  // Must not call the pipeline.
  struct ErrorFilter {
    core::Error (*judge)(void* context, std::string_view message) noexcept = nullptr;
    void* context = nullptr;
  };

  explicit Pipeline(Settings settings) : Pipeline{settings, {}} {}
  Pipeline(Settings settings, ErrorFilter filter);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // One command. `overload` when a limit is reached, `unavailable` after fail_all: then nothing was taken and the sink
  // is never called. `now_ms` does not go back from call to call.
  core::Error append(std::span<const std::string_view> arguments, Sink sink, int64_t now_ms);
  core::Error append(const Prepared& head, std::span<const std::string_view> arguments, Sink sink, int64_t now_ms);
  // The same with arguments that are bulk strings already (resp::write_bulk), `parts` of them.
  core::Error append(const Prepared& head, std::string_view rendered, uint32_t parts, Sink sink, int64_t now_ms);

  // The bytes to send next, empty when there are none; they stay where they are until end_send says how many left.
  std::string_view begin_send();
  void end_send(std::size_t sent);
  bool sending() const { return sending_now_; }
  std::size_t unsent_bytes() const { return filling_.size() + sending_.size() - sent_; }

  // Where the kernel may write next; never empty. Valid until `received`, which must be the next call of the two.
  std::span<char> receive_room();
  struct Received {
    uint32_t replies = 0;                   // also those swallowed
    core::Error error = core::Error::none;  // protocol: the stream makes no sense any more; fail_all and reconnect
  };
  // Calls one sink for each complete reply, in order. Size 0: nothing came. After fail_all bytes are dropped.
  [[nodiscard]] Received received(std::size_t size);

  // Gives up on commands whose deadline has passed, oldest first; returns how many.
  uint32_t expire(int64_t now_ms);
  // Calls every sink that still waits, in order; from then on nothing is accepted until reopen().
  void fail_all(core::Error error);
  // Forgets all bytes and begins anew. Asserts that nothing waits and nothing is in the kernel.
  void reopen();

  uint32_t pending() const { return static_cast<uint32_t>(tail_ - head_); }  // commands without a reply
  bool waiting() const { return expired_ != tail_; }                         // is there anything expire() could find?

 private:
  struct Slot {
    Sink sink;  // resume is null: the sink has been called, the reply is to be swallowed
    int64_t deadline_ms;
  };
  core::Error admit(std::size_t bytes) const;
  void push(Sink sink, int64_t now_ms);
  void begin_command(const Prepared& head, std::size_t parts);
  void deliver(const char* reply);
  void make_room();
  void move_to(std::size_t capacity);
  Slot& slot(uint64_t number) { return slots_[number & (settings_.depth_max - 1)]; }

  Settings settings_;
  ErrorFilter filter_;
  bool open_ = true;

  core::TextBuffer filling_;
  core::TextBuffer sending_;
  std::size_t sent_ = 0;      // of sending_
  bool sending_now_ = false;  // sending_ is in the kernel

  std::unique_ptr<char[]> receive_;
  std::size_t receive_capacity_;
  std::size_t begin_ = 0;    // first byte of the reply that is not complete yet
  std::size_t end_ = 0;      // behind the last byte received
  bool receiving_ = false;   // the room is in the kernel
  bool delivering_ = false;  // a sink looks at the receive buffer
  resp::Scanner scanner_;

  std::vector<Slot> slots_;
  uint64_t head_ = 0;  // numbers of commands since the beginning
  uint64_t expired_ = 0;
  uint64_t tail_ = 0;
};

}  // namespace net
