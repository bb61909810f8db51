// Virtual time, and what is to happen when. Time moves only when somebody waits; what is due at the same instant
// happens in the order in which it was entered. Ownership: owns the actions. Thread: one.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

namespace simulation {

class Agenda {
 public:
  static constexpr int64_t never_us = std::numeric_limits<int64_t>::max();
  using Action = std::function<void()>;

  int64_t now_us() const { return now_us_; }
  int64_t now_ms() const { return now_us_ / 1000; }
  void in_us(int64_t delay_us, Action action) { entries_.push({now_us_ + delay_us, count_++, std::move(action)}); }
  void in_ms(int64_t delay_ms, Action action) { in_us(delay_ms * 1000, std::move(action)); }
  int64_t next_us() const { return entries_.empty() ? never_us : entries_.top().at_us; }
  void pass_us(int64_t time_us) { now_us_ += time_us; }
  // Does what is due by now, also what that brings about.
  void do_due() {
    while (next_us() <= now_us_) {
      auto action = std::move(const_cast<Entry&>(entries_.top()).action);
      entries_.pop();
      action();
    }
  }
  // Goes to the next entry, or to `until_us` when there is none before it.
  void wait(int64_t until_us) {
    now_us_ = std::max(now_us_, std::min(until_us, next_us()));
    do_due();
  }

 private:
  struct Entry {
    int64_t at_us;
    uint64_t number;
    Action action;
    bool operator<(const Entry& other) const {  // the queue has its greatest on top
      return at_us != other.at_us ? at_us > other.at_us : number > other.number;
    }
  };
  std::priority_queue<Entry> entries_;
  uint64_t count_ = 0;
  int64_t now_us_ = 1'000'000'000;
};

}  // namespace simulation
