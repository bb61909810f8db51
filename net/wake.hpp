// How other threads wake a loop: an eventfd the loop reads. A burst of notifications costs one write.
//
//   other threads: put data where the loop finds it (an SPSC ring, an atomic), then notify()
//   loop:          the handler runs once in a following turn and takes all there is
//
// A Wake can also watch a descriptor of somebody else (persist::Port::event_fd()); it then reads the counter itself and
// the handler must not. Ownership: never moves; close() or destruction turns the loop until the kernel has let go, so
// destroy it outside of handlers and before the loop, when no other thread notifies any more.
// Thread: notify() any, the rest the loop's.
#pragma once
#include <atomic>
#include <cstdint>

#include "core/error.hpp"
#include "net/loop.hpp"

namespace net {

class Wake {
 public:
  using Handler = void (*)(void* context) noexcept;
  Wake(Loop& loop, Handler handler, void* context) : loop_{loop}, handler_{handler}, context_{context} {}
  ~Wake() { close(); }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  core::Status open();       // with an eventfd of its own
  void watch(int event_fd);  // with somebody's eventfd, which must outlive close()
  void close();
  void notify();  // any thread; wait-free but for one write when the loop has not been woken yet

 private:
  void readable(Event event) noexcept;
  void arm();

  Loop& loop_;
  Handler handler_;
  void* context_;
  int fd_ = -1;
  bool own_ = false;
  bool closing_ = false;
  std::atomic<bool> notified_{false};
  Op<Wake, &Wake::readable> poll_{*this};
};

}  // namespace net
