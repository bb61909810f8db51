#include "net/timer.hpp"

#include <algorithm>
#include <bit>

#include "core/assert.hpp"

namespace net {

void Timer::stop() {
  if (!running()) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

int64_t Timer::due_ms() const { return due_step_ * TimerWheel::step_ms; }

TimerWheel::TimerWheel(int64_t now_ms) : step_{now_ms / step_ms} {
  for (auto& head : heads_) head.next_ = head.previous_ = &head;
}

TimerWheel::~TimerWheel() {
  for (auto& head : heads_) {
    while (head.next_ != &head) head.next_->stop();  // their owners outlive us: leave no pointer into the wheel
    head.next_ = head.previous_ = nullptr;
  }
}

void TimerWheel::append(Timer& head, Timer& timer) {
  timer.previous_ = head.previous_;
  timer.next_ = &head;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
}

void TimerWheel::mark(uint32_t slot, bool occupied) {
  auto bit = uint64_t{1} << (slot % 64);
  if (occupied) {
    occupied_[slot / 64] |= bit;
  } else {
    occupied_[slot / 64] &= ~bit;
  }
}

void TimerWheel::start(Timer& timer, int64_t due_ms) {
  timer.stop();
  timer.due_step_ = std::max(step_ + 1, (due_ms + step_ms - 1) / step_ms);
  auto slot = static_cast<uint32_t>(timer.due_step_ % slots);
  append(heads_[slot], timer);
  mark(slot, true);
}

void TimerWheel::expire_slot(uint32_t slot, int64_t step) {
  // The list is moved aside first: a handler may start a timer in this very slot, which belongs to a later round.
  Timer aside;
  aside.next_ = aside.previous_ = &aside;
  auto& head = heads_[slot];
  while (head.next_ != &head) {
    auto& timer = *head.next_;
    timer.stop();
    append(aside, timer);
  }
  mark(slot, false);
  while (aside.next_ != &aside) {
    auto& timer = *aside.next_;
    timer.stop();
    if (timer.due_step_ <= step) {
      timer.fire_(timer.context_);
    } else {
      append(head, timer);
      mark(slot, true);
    }
  }
  aside.next_ = aside.previous_ = nullptr;
}

void TimerWheel::expire(int64_t now_ms) {
  auto step = now_ms / step_ms;
  if (step <= step_) return;
  auto from = std::max(step_ + 1, step - static_cast<int64_t>(slots) + 1);  // one rotation visits every slot
  step_ = step;
  for (auto at = from; at <= step; ++at) {
    auto slot = static_cast<uint32_t>(at % slots);
    if (marked(slot)) expire_slot(slot, step);
  }
}

int64_t TimerWheel::wait_ms(int64_t now_ms, int64_t wait_ms_max) const {
  auto until = [&](int64_t step) { return std::clamp<int64_t>(step * step_ms - now_ms, 0, wait_ms_max); };
  auto first = step_ + 1;
  for (int64_t ahead = 0; ahead < slots;) {
    auto slot = static_cast<uint32_t>((first + ahead) % slots);
    auto word = occupied_[slot / 64] >> (slot % 64);
    if (word != 0) return until(first + ahead + std::countr_zero(word));
    ahead += 64 - slot % 64;
  }
  return wait_ms_max;
}

}  // namespace net
