// The writers: threads that record in PostgreSQL what the cores hand them, in batches that grow with the load.
//
//   core 0 ─ Port ═ ring per writer ═►  writer 0 ── batch ──► PostgreSQL
//   core n ─ Port ═ ring per writer ═►  writer m ── batch ──► PostgreSQL
//                 ◄═ ring per writer ═ outcomes, one ring of the doorbell a batch
//
// No timer makes a batch: while a writer waits for a commit, the next batch gathers in its rings. What PostgreSQL
// cannot take now is repeated with growing pauses until it can or the pool stops; repeating is safe (record.hpp).
// Every submitted continuation is called exactly once, with an answer, however late: deadlines are the submitter's.
// Ownership: the pool owns threads, connections and rings, and outlives the loops that use its ports.
// Thread: start() and stop() the owner's; a Port that of its core.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/continuation.hpp"
#include "core/error.hpp"
#include "core/limits.hpp"
#include "core/log.hpp"
#include "core/spsc.hpp"
#include "persist/doorbell.hpp"
#include "persist/record.hpp"

namespace persist {

// One row on its way to a writer: exactly one of the two is there.
struct RecordRequest {
  std::unique_ptr<Order> order;
  std::unique_ptr<Refusal> refusal;
  core::Continuation<Recorded> continuation;
};

struct RecordDone {
  Recorded recorded;
  core::Continuation<Recorded> continuation;
};

// Between one core and one writer.
struct RecordLane {
  explicit RecordLane(uint32_t entries, Doorbell& writer_bell, Doorbell& core_bell)
      : requests{entries}, done{entries}, writer{writer_bell}, core{core_bell} {}
  core::Spsc<RecordRequest> requests;
  core::Spsc<RecordDone> done;
  Doorbell& writer;
  Doorbell& core;
  uint32_t in_flight = 0;  // the core's: submitted, not delivered; at most the entries of `done`: it never overflows
};

// `stopping` takes no more submits; once `stopped` the writers are gone and what they left belongs to the cores.
enum class PoolState : uint8_t { running, stopping, stopped };

// The core's side.
class Port {
 public:
  // Errors: overload (as many as the rings hold are under way), closed (the pool stops). Then nothing happens and the
  // continuation is not called. It goes to the writer that has least to do for this core.
  core::Error submit(std::unique_ptr<Order> order, core::Continuation<Recorded> continuation);
  core::Error submit(std::unique_ptr<Refusal> refusal, core::Continuation<Recorded> continuation);

  // Becomes readable when outcomes are there; the loop reads its 8 bytes (a blocking eventfd, made for io_uring) and
  // calls deliver(). It is written once a burst, so a loop may also just call deliver() every turn: one atomic load.
  int event_fd() const { return bell_.fd(); }
  // Runs the continuations of what is recorded.
  void deliver();
  uint32_t in_flight() const { return in_flight_; }

 private:
  friend class WriterPool;
  core::Error submit(RecordRequest&& request);
  void answer(RecordLane& lane, const Recorded& recorded, core::Continuation<Recorded> continuation);
  Doorbell bell_;
  std::vector<std::unique_ptr<RecordLane>> lanes_;  // one a writer
  const std::atomic<PoolState>* state_ = nullptr;
  uint32_t in_flight_ = 0;
};

class WriterPool {
 public:
  struct Settings {
    std::string dsn;
    uint32_t writers = 2;  // connections, a thread each
    uint32_t cores = 1;
    uint32_t ring_entries = core::limits::writer_ring_entries;  // a core and writer, power of two
    int64_t drain_ms_max = 5000;  // how long stop() tries to reach a PostgreSQL that does not answer
    // What was refused for its epoch is also told here, on a writer's thread, before its continuation: the money behind
    // it must not be forgotten. May be empty.
    std::function<void(const Order&)> stale_order = {};
    std::function<void(const Refusal&)> stale_refusal = {};
  };
  WriterPool(Settings settings, const core::Log& log);
  ~WriterPool();
  WriterPool(const WriterPool&) = delete;
  WriterPool& operator=(const WriterPool&) = delete;

  // Starts the threads. PostgreSQL need not be there.
  core::Status start();
  // No submit succeeds any more; records what was submitted, or answers `unavailable` when PostgreSQL does not come
  // back within drain_ms_max. Outcomes then wait in the ports: call deliver() of each once more. Idempotent.
  void stop();

  Port& port(uint32_t core) { return *ports_[core]; }

  // For the metrics; any thread.
  struct Figures {
    uint64_t recorded, transactions, careful, rejected, stale, dead_letters, retries;
    bool reachable;  // the last attempt of every writer got through
  };
  Figures figures() const;

 private:
  class Writer;
  Settings settings_;
  const core::Log& log_;
  std::atomic<PoolState> state_{PoolState::running};
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::unique_ptr<Writer>> writers_;
};

}  // namespace persist
