#include "tests/simulation/kernel/stream.hpp"

#include <cerrno>
#include <cstring>

#include "tests/simulation/kernel/kernel.hpp"

namespace simulation {

Stream::Stream(Kernel& kernel) : kernel_{kernel} {}

void Stream::join(Stream& one, Stream& other) {
  one.peer_ = &other;
  other.peer_ = &one;
}

// ---------------------------------------------------------------- calls

int64_t Stream::receive(char* into, std::size_t size) {
  const auto waiting = received_.size() - taken_;
  if (waiting > 0) {
    const auto count = std::min(size, waiting);
    std::memcpy(into, received_.data() + taken_, count);
    taken_ += count;
    if (taken_ == received_.size()) {
      received_.clear();
      taken_ = 0;
    }
    if (peer_ != nullptr) peer_->schedule_delivery();
    return static_cast<int64_t>(count);
  }
  if (error_ != 0) return -std::exchange(error_, 0);
  if (fin_received_ || shut_reading_ || dead_) return 0;
  return -EAGAIN;
}

int64_t Stream::send(std::string_view bytes) {
  if (error_ != 0) return -std::exchange(error_, 0);
  if (shut_writing_ || dead_ || peer_ == nullptr) return -EPIPE;
  const auto capacity = kernel_.weather.send_buffer_bytes;
  if (unsent_bytes() >= capacity) return -EAGAIN;
  const auto count = std::min<std::size_t>(bytes.size(), capacity - unsent_bytes());
  if (unsent_bytes() == 0) progress_us_ = kernel_.agenda.now_us();
  unsent_.append(bytes.substr(0, count));
  schedule_delivery();
  watch_progress();
  return static_cast<int64_t>(count);
}

void Stream::shut(bool reading, bool writing) {
  kernel_.note("shut", number, writing ? 1 : 0);
  shut_reading_ = shut_reading_ || reading;
  if (writing && !shut_writing_) {
    shut_writing_ = true;
    schedule_delivery();
  }
  changed();
}

void Stream::reset() {
  if (dead_ || peer_ == nullptr) return;
  kernel_.note("reset", number);
  dead_ = true;
  unsent_.clear();
  left_ = 0;
  if (vanished_) return;
  kernel_.agenda.in_us(kernel_.latency_us(), [peer = peer_] { peer->fail(ECONNRESET); });
}

void Stream::vanish() {
  kernel_.note("vanish", number);
  vanished_ = peer_->vanished_ = true;
}

bool Stream::readable() const {
  return received_.size() > taken_ || error_ != 0 || fin_received_ || shut_reading_ || dead_;
}

bool Stream::writable() const {
  return peer_ != nullptr &&
         (unsent_bytes() < kernel_.weather.send_buffer_bytes || error_ != 0 || shut_writing_ || dead_);
}

void Stream::let_go() {
  closed_ = true;
  if (received_.size() > taken_) return reset();
  shut(true, true);
}

// ---------------------------------------------------------------- the network

std::size_t Stream::room() const {
  const auto capacity = kernel_.weather.receive_buffer_bytes;
  const auto waiting = received_.size() - taken_;
  return waiting < capacity ? capacity - waiting : 0;
}

void Stream::schedule_delivery() {
  if (delivering_ || dead_ || vanished_ || peer_ == nullptr) return;
  if (unsent_bytes() == 0 && (!shut_writing_ || fin_sent_)) return;
  if (unsent_bytes() > 0 && peer_->room() == 0 && !peer_->closed_) return;  // when the peer reads, it calls us
  delivering_ = true;
  kernel_.agenda.in_us(kernel_.latency_us(), [this] {
    delivering_ = false;
    deliver();
  });
}

void Stream::deliver() {
  if (dead_ || vanished_) return;
  if (unsent_bytes() > 0) {
    if (peer_->closed_ || peer_->dead_) return fail(ECONNRESET);
    deliver_portion();
  } else if (shut_writing_ && !fin_sent_) {
    fin_sent_ = true;
    peer_->fin_received_ = true;
    kernel_.note("fin", peer_->number);
    peer_->changed();
  }
  schedule_delivery();
}

void Stream::deliver_portion() {
  const auto portion = kernel_.chance.between(1, kernel_.weather.portion_bytes_max);
  const auto count = std::min({std::size_t{portion}, unsent_bytes(), peer_->room()});
  if (count == 0) return;
  peer_->received_.append(unsent_, left_, count);
  left_ += count;
  if (left_ == unsent_.size()) {
    unsent_.clear();
    left_ = 0;
  }
  progress_us_ = kernel_.agenda.now_us();
  kernel_.note("bytes", peer_->number, count);
  peer_->changed();
  changed();
}

void Stream::fail(int error) {
  if (dead_ || vanished_) return;
  kernel_.note("error", number, error);
  dead_ = true;
  error_ = error;
  unsent_.clear();
  left_ = 0;
  changed();
}

// TCP_USER_TIMEOUT: bytes wait, and the peer takes none of them.
void Stream::watch_progress() {
  if (user_timeout_ms_ == 0 || watching_progress_) return;
  watching_progress_ = true;
  const auto due_us = progress_us_ + user_timeout_ms_ * 1000;
  kernel_.agenda.in_us(std::max<int64_t>(due_us - kernel_.agenda.now_us(), 0), [this] {
    watching_progress_ = false;
    if (unsent_bytes() == 0 || dead_) return;
    if (kernel_.agenda.now_us() < progress_us_ + user_timeout_ms_ * 1000) return watch_progress();
    kernel_.note("stalled", number);
    dead_ = true;
    error_ = ETIMEDOUT;
    changed();
  });
}

}  // namespace simulation
