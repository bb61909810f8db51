// Bytes of a connection that wait: a request that came in pieces, or requests behind one that is being handled.
// It lies at the front of a pooled block, so a connection without waiting bytes owns none.
//
//   block  [Inbox][ taken ][ waiting bytes ][ room ][64 readable bytes]
//                          ^ begin          ^ end
//
// Ownership: the block belongs to the pool; create() and append() hand it over, destroy() gives it back. Thread: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/buffer_pool.hpp"
#include "net/wire/http_request.hpp"

namespace net {

class Inbox {
 public:
  // More than any single request needs: at this many waiting bytes the connection stops reading.
  static constexpr std::size_t pause_bytes = 32 * 1024;
  // What may still arrive until the kernel has stopped; a connection that brings more is cut.
  static constexpr std::size_t bytes_max = 512 * 1024;
  static constexpr std::size_t slack_bytes = 64;

  // Appends to `inbox`, or to a new one when it is null. Null when a limit is reached; `inbox` is then as before.
  static Inbox* append(BufferPool& pool, Inbox* inbox, std::string_view bytes);
  static void destroy(BufferPool& pool, Inbox* inbox);  // null is fine

  std::string_view bytes() const { return {data() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool may_take(std::string_view more) const { return size() + more.size() <= bytes_max; }
  void discard(std::size_t size) { begin_ += static_cast<uint32_t>(size); }

  http::RequestReader reader;  // of the message that begins at bytes()

 private:
  explicit Inbox(uint32_t block_bytes) : block_bytes_{block_bytes} {}
  static Inbox* create(BufferPool& pool, std::size_t room);
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  std::size_t capacity() const { return block_bytes_ - sizeof(Inbox) - slack_bytes; }
  void put(std::string_view bytes);

  uint32_t block_bytes_;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

static_assert(Inbox::pause_bytes > 8 + core::limits::request_line_bytes_max + core::limits::headers_bytes_max +
                                       core::limits::body_bytes_max);

}  // namespace net
