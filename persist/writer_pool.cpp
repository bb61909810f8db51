#include "persist/writer_pool.hpp"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "core/assert.hpp"
#include "core/time.hpp"
#include "persist/backoff.hpp"

namespace persist {
namespace {

// Rows of one transaction, each with where its answer goes.
template <class Row>
struct Gathered {
  struct Address {
    RecordLane* lane;
    core::Continuation<Recorded> continuation;
  };
  std::vector<Row> rows;
  std::vector<Address> addresses;
};

// Rows of one event and epoch stay together, so that an event whose row is locked holds up no other's answers.
template <class Row>
class Groups {
 public:
  void add(Row&& row, RecordLane& lane, core::Continuation<Recorded> continuation) {
    auto fits = [&](const auto& group) {
      return group.rows.front().event == row.event && group.rows.front().epoch == row.epoch;
    };
    auto found = std::find_if(groups_.begin(), groups_.end(), fits);
    if (found == groups_.end()) found = groups_.insert(found, Gathered<Row>{});
    found->rows.push_back(std::move(row));
    found->addresses.push_back({&lane, continuation});
  }
  std::vector<Gathered<Row>> take() { return std::exchange(groups_, {}); }

 private:
  std::vector<Gathered<Row>> groups_;
};

}  // namespace

core::Error Port::submit(std::unique_ptr<Order> order, core::Continuation<Recorded> continuation) {
  return submit(RecordRequest{std::move(order), nullptr, continuation});
}

core::Error Port::submit(std::unique_ptr<Refusal> refusal, core::Continuation<Recorded> continuation) {
  return submit(RecordRequest{nullptr, std::move(refusal), continuation});
}

core::Error Port::submit(RecordRequest&& request) {
  if (state_->load(std::memory_order_acquire) != PoolState::running) return core::Error::closed;
  auto least = [](const auto& a, const auto& b) { return a->in_flight < b->in_flight; };
  RecordLane& lane = **std::min_element(lanes_.begin(), lanes_.end(), least);
  if (lane.in_flight == lane.done.capacity() || !lane.requests.try_push(std::move(request)))
    return core::Error::overload;
  ++lane.in_flight, ++in_flight_;
  lane.writer.ring();
  return core::Error::none;
}

void Port::answer(RecordLane& lane, const Recorded& recorded, core::Continuation<Recorded> continuation) {
  --lane.in_flight, --in_flight_;
  continuation.resume(continuation.context, &recorded, core::Error::none);
}

void Port::deliver() {
  if (!bell_.take()) return;
  const bool stopped = state_->load(std::memory_order_acquire) == PoolState::stopped;
  for (auto& lane : lanes_) {
    RecordDone done;
    while (lane->done.try_pop(done)) answer(*lane, done.recorded, done.continuation);
    // Submitted while the writers left: they are gone, so this thread is the one that takes from the ring now.
    RecordRequest request;
    while (stopped && lane->requests.try_pop(request)) answer(*lane, Recorded{}, request.continuation);
  }
}

class WriterPool::Writer {
 public:
  Writer(const Settings& settings, const core::Log& log, const std::atomic<PoolState>& state)
      : settings_{settings}, state_{state}, recorder_{{.dsn = settings.dsn}, log} {}

  Doorbell& bell() { return bell_; }
  void add(RecordLane& lane) { lanes_.push_back(&lane); }
  void start() {
    thread_ = std::thread{[this] { run(); }};
  }
  void join() {
    bell_.ring();
    if (thread_.joinable()) thread_.join();
  }
  const RecordFigures& figures() const { return recorder_.figures(); }
  uint64_t retries() const { return retries_; }
  bool reachable() const { return reachable_; }

 private:
  void run();
  bool stopping() const { return state_.load(std::memory_order_acquire) != PoolState::running; }
  std::size_t gather();
  template <class Row>
  void record(const Gathered<Row>& group);
  template <class Row>
  std::vector<Recorded> record_at_last(std::span<const Row> rows);
  bool pause();
  void tell_stale(const Order& order) const {
    if (settings_.stale_order) settings_.stale_order(order);
  }
  void tell_stale(const Refusal& refusal) const {
    if (settings_.stale_refusal) settings_.stale_refusal(refusal);
  }

  const Settings& settings_;
  const std::atomic<PoolState>& state_;
  Recorder recorder_;
  Doorbell bell_;
  std::vector<RecordLane*> lanes_;  // one a core
  std::size_t next_lane_ = 0;
  Groups<Order> orders_;
  Groups<Refusal> refusals_;
  Backoff backoff_;
  int64_t give_up_at_ms_ = 0;  // set when stopping was first seen
  std::atomic<uint64_t> retries_{0};
  std::atomic<bool> reachable_{true};
  std::thread thread_;
};

void WriterPool::Writer::run() {
  for (;;) {
    bell_.take();
    const bool last = stopping();  // before the look into the rings
    if (gather() > 0) {
      for (const auto& group : orders_.take()) record(group);
      for (const auto& group : refusals_.take()) record(group);
    } else if (last) {
      return;
    } else {
      bell_.wait(-1);
    }
  }
}

// Takes up to a batch from the lanes in turn, beginning with another lane each time so that no core starves.
std::size_t WriterPool::Writer::gather() {
  std::size_t left = core::limits::writer_batch_orders_max;
  next_lane_ = (next_lane_ + 1) % lanes_.size();
  for (std::size_t turn = 0; turn < lanes_.size(); ++turn) {
    RecordLane& lane = *lanes_[(next_lane_ + turn) % lanes_.size()];
    RecordRequest request;
    for (; left > 0 && lane.requests.try_pop(request); --left) {
      if (request.order)
        orders_.add(std::move(*request.order), lane, request.continuation);
      else
        refusals_.add(std::move(*request.refusal), lane, request.continuation);
    }
  }
  return core::limits::writer_batch_orders_max - left;
}

template <class Row>
void WriterPool::Writer::record(const Gathered<Row>& group) {
  auto answers = record_at_last(std::span<const Row>{group.rows});
  for (std::size_t at = 0; at < answers.size(); ++at) {
    if (answers[at].outcome == Outcome::stale_epoch) tell_stale(group.rows[at]);
    const auto& [lane, continuation] = group.addresses[at];
    ONSALE_ASSERT(lane->done.try_push(RecordDone{std::move(answers[at]), continuation}));
  }
  for (RecordLane* lane : lanes_)
    if (!lane->done.empty()) lane->core.ring();
}

// Repeats until PostgreSQL answers; gives `unavailable` only when the pool stops and it does not.
template <class Row>
std::vector<Recorded> WriterPool::Writer::record_at_last(std::span<const Row> rows) {
  for (backoff_.reset();; ++retries_) {
    auto result = recorder_.record(rows);
    reachable_ = static_cast<bool>(result);
    if (result) return std::move(result.value);
    if (!pause()) return std::vector<Recorded>(rows.size());
  }
}

// False when it is time to give up.
bool WriterPool::Writer::pause() {
  const int64_t until_ms = core::monotonic_ms() + backoff_.next_ms();
  for (int64_t now_ms = core::monotonic_ms(); now_ms < until_ms; now_ms = core::monotonic_ms())
    bell_.wait(static_cast<int>(until_ms - now_ms));  // more work rings, too: it waits with the rest
  if (!stopping()) return true;
  if (give_up_at_ms_ == 0) give_up_at_ms_ = core::monotonic_ms() + settings_.drain_ms_max;
  return core::monotonic_ms() < give_up_at_ms_;
}

WriterPool::WriterPool(Settings settings, const core::Log& log) : settings_{std::move(settings)}, log_{log} {
  ONSALE_ASSERT(settings_.writers > 0 && settings_.cores > 0);
  for (uint32_t writer = 0; writer < settings_.writers; ++writer)
    writers_.push_back(std::make_unique<Writer>(settings_, log_, state_));
  for (uint32_t core = 0; core < settings_.cores; ++core) {
    auto& port = *ports_.emplace_back(std::make_unique<Port>());
    port.state_ = &state_;
    for (auto& writer : writers_) {
      port.lanes_.push_back(std::make_unique<RecordLane>(settings_.ring_entries, writer->bell(), port.bell_));
      writer->add(*port.lanes_.back());
    }
  }
}

WriterPool::~WriterPool() { stop(); }

core::Status WriterPool::start() {
  ONSALE_ASSERT(state_ == PoolState::running);
  try {
    for (auto& writer : writers_) writer->start();
  } catch (const std::system_error& error) {
    stop();
    return {std::string{"cannot start a writer thread: "} + error.what()};
  }
  return {};
}

void WriterPool::stop() {
  if (state_ == PoolState::stopped) return;
  state_.store(PoolState::stopping, std::memory_order_release);
  for (auto& writer : writers_) writer->join();
  state_.store(PoolState::stopped, std::memory_order_release);
  for (auto& port : ports_) port->bell_.ring();
}

WriterPool::Figures WriterPool::figures() const {
  Figures sum{};
  sum.reachable = true;
  for (const auto& writer : writers_) {
    const RecordFigures& one = writer->figures();
    sum.recorded += one.recorded;
    sum.transactions += one.transactions;
    sum.careful += one.careful;
    sum.rejected += one.rejected;
    sum.stale += one.stale;
    sum.dead_letters += one.dead_letters;
    sum.retries += writer->retries();
    sum.reachable = sum.reachable && writer->reachable();
  }
  return sum;
}

}  // namespace persist
