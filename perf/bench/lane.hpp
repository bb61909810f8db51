// One thread of the load: a loop, the connections on it, and who asks when.
//
//   round:  settle those that something happened to ─► hand out what is due ─► Loop::turn
//
// Closed loop: a connection asks again as soon as it has room. Open loop: the schedule says when, the connection that
// has had room for longest takes it, and what finds none waits.
// The clock is read once a turn for all answers of that turn: they lay in the kernel when it returned.
// Ownership: owns its loop, buffers, connections and tally; the plan outlives it. Thread: its own, from open() on;
// answered_live() any, tally() when run() has returned.
#pragma once
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/slab.hpp"
#include "net/counter.hpp"
#include "net/loop.hpp"
#include "net/recv_ring.hpp"
#include "perf/bench/client.hpp"
#include "perf/bench/load_options.hpp"
#include "perf/bench/schedule.hpp"
#include "perf/bench/supply.hpp"
#include "perf/bench/tally.hpp"

namespace bench {

struct Destination {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr& address() const { return reinterpret_cast<const sockaddr&>(storage); }
};

// What all lanes read.
struct Plan {
  const LoadOptions& options;
  const Supply& supply;
  std::vector<Destination> destinations;
};

// What the lanes and the thread that started them tell each other.
struct Control {
  std::atomic<uint32_t> ready{0};    // lanes whose connections are open, or that have failed
  std::atomic<int64_t> begin_ns{0};  // when asking begins; 0: not known yet
  std::atomic<bool> stop{false};
};

class Lane {
 public:
  Lane(const Plan& plan, uint32_t number);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // The whole life, on the lane's own thread. A problem: nothing was measured.
  core::Status run(Control& control);
  Tally& tally() { return tally_; }
  int64_t ended_ns() const { return ended_ns_; }  // when asking ended
  uint64_t answered_live() const { return answered_.value(); }

  // For clients.
  net::Loop& loop() { return loop_; }
  net::RecvRing& recv_ring() { return recv_ring_; }
  const Plan& plan() const { return plan_; }
  const Destination& destination(const Client& client) const;
  bool open_socket(uint32_t slot);
  void touch(Client& client);
  void park(Client& client);
  void feed(Client& client);
  void closed(Client& client);
  void connecting(bool begins) { connecting_ += begins ? 1 : -1u; }
  void answered(int status, int64_t due_ns, int64_t now_ns);
  void abandoned(uint32_t requests) { done_ += requests; }
  int64_t now_ns();

 private:
  core::Status open();
  void make_clients();
  void open_eager(uint32_t at_once);
  void open_paced(int64_t now_ns);
  void measure(int64_t begin_ns, const Control& control);
  void begin_asking(int64_t begin_ns);
  bool over(int64_t now_ns, const Control& control) const;
  void finish();

  void round(int64_t wait_ms);
  void settle_touched();
  void unpark();
  void hand_out(int64_t now_ns);
  void arm_alarm(int64_t at_ns);
  void alarm(net::Event) noexcept {}
  void push_free(Client& client);
  Client* pop_free();
  void tick() noexcept;

  const Plan& plan_;
  uint32_t number_;
  uint32_t asking_first_, asking_count_, idle_count_;  // asking ones are numbered through all lanes
  net::Loop loop_;
  net::RecvRing recv_ring_{loop_, {512, 8192, 1}};
  core::Slab<Client> slab_;
  std::vector<Client*> clients_;  // by slot
  std::vector<int64_t> dues_;
  Tally tally_;
  net::Counter answered_;
  std::optional<Schedule> schedule_;

  Client* touched_ = nullptr;
  Client* starved_ = nullptr;
  Client* to_open_ = nullptr;
  Client* free_first_ = nullptr;
  Client* free_last_ = nullptr;
  uint32_t connecting_ = 0;
  uint32_t opened_ = 0;       // slots below were opened for the first time
  uint32_t eager_count_ = 0;  // of them before asking begins
  uint32_t swept_ = 0;
  uint64_t done_ = 0, supplied_ = 0;  // order once: requests that came to an end, and all
  int64_t window_begin_ns_ = 0, end_ns_ = 0, ended_ns_ = 0, cpu_begin_ns_ = 0;
  int64_t now_ns_ = 0;  // 0: not read in this turn
  bool asking_ = false, in_window_ = false, closing_ = false;
  __kernel_timespec alarm_at_{};
  net::Op<Lane, &Lane::alarm> alarm_{*this};
  net::TimerOf<Lane, &Lane::tick> tick_{*this};
};

}  // namespace bench
