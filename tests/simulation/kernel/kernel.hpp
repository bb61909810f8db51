// A kernel for one program that is linked against it instead of against liburing and the socket calls of libc
// (liburing.cpp, system_calls.cpp). Time is virtual, and every choice is the seed's.
//
//   program under test ─► liburing.cpp, system_calls.cpp ─► Kernel: Ring, descriptors, Listener, Stream
//                                                             │ Agenda (virtual time), Chance (seed), Trace
//   outside world (clients, a Redis) ◄── Stream ends ─────────┘
//
// Ownership: one Kernel a run; it owns all files and rings, and while it lives it is the one the calls reach.
// Thread: one.
#pragma once
#include <sys/socket.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/simulation/kernel/agenda.hpp"
#include "tests/simulation/kernel/chance.hpp"
#include "tests/simulation/kernel/file.hpp"
#include "tests/simulation/kernel/stream.hpp"
#include "tests/simulation/kernel/trace.hpp"
#include "tests/simulation/kernel/weather.hpp"

struct io_uring;
struct io_uring_params;

namespace simulation {

class Ring;

// A socket that listens, with the connections nobody has accepted yet.
class Listener final : public File {
 public:
  bool readable() const override { return !waiting.empty(); }
  std::deque<Stream*> waiting;
  int64_t user_timeout_ms = 0;  // inherited by what is accepted
  uint16_t port = 0;
  bool closed = false;

 private:
  void let_go() override;
};

// A socket that is neither connected nor listening yet: it becomes one of the two under the same descriptor.
class Socket final : public File {
 public:
  bool readable() const override { return false; }
  uint16_t port = 0;
  int64_t user_timeout_ms = 0;
};

class EventCounter final : public File {
 public:
  bool readable() const override { return count > 0; }
  uint64_t count = 0;
};

class Kernel {
 public:
  Kernel(uint64_t seed, const Weather& conditions);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  static Kernel& current();
  static bool running();

  Chance chance;
  Agenda agenda;
  Trace trace;
  Weather weather;

  // ---- the program's side
  static constexpr int first_descriptor = 1 << 20;  // so that a descriptor tells whose it is
  static bool owns(int descriptor) { return descriptor >= first_descriptor; }
  template <class Kind, class... Args>
  Kind& make(Args&&... args) {
    auto owned = std::make_unique<Kind>(std::forward<Args>(args)...);
    auto& made = *owned;
    files_.push_back(std::move(owned));
    return made;
  }
  int open(File& file);  // the lowest free descriptor; -EMFILE
  File* file(int descriptor) const;
  template <class Kind>
  Kind* file_as(int descriptor) const {
    return dynamic_cast<Kind*>(file(descriptor));
  }
  int close(int descriptor);
  void replace(int descriptor, File& file);  // what a descriptor leads to, as listen and connect do
  std::size_t open_descriptors() const;
  int listen(int descriptor);
  // The inner end of a connection to the outside; null when nobody listens there. Bytes may be sent at once.
  Stream* connect_out(uint16_t port);

  Ring& open_ring(uint32_t submission_entries, uint32_t completion_entries);
  Ring& ring(int descriptor);
  void close_ring(int descriptor);

  // ---- the outside world's side
  // Connects to a port of the program; the outer end, or null when nobody listens there.
  Stream* connect_in(uint16_t port);
  enum class Reception : uint8_t { accepted, refused, silent };
  // Called for each connection the program opens to `port`, with the outer end; says what becomes of it.
  void listen_outside(uint16_t port, std::function<Reception(Stream&)> reception);
  Reception receive_outside(uint16_t port, Stream& inner);

  int64_t latency_us() { return chance.between(1, weather.latency_us_max); }
  int64_t work_delay_us() { return chance.below(weather.work_delay_us_max + 1); }
  template <class... Values>
  void note(std::string_view what, Values... values) {
    trace.note(agenda.now_us(), what, values...);
  }

 private:
  std::pair<Stream*, Stream*> make_connection();

  std::deque<std::unique_ptr<File>> files_;
  std::vector<Hold> descriptors_;
  std::map<uint16_t, Listener*> listeners_;
  std::map<uint16_t, std::function<Reception(Stream&)>> outside_;
  std::map<int, std::unique_ptr<Ring>> rings_;
  int rings_made_ = 0;
  uint16_t ports_given_ = 0;
  uint32_t streams_ = 0;
};

// Ends the run: what an invariant says is not so.
[[noreturn]] void fail(const std::string& what);

}  // namespace simulation
