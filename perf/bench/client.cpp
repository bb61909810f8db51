#include "perf/bench/client.hpp"

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/assert.hpp"
#include "perf/bench/lane.hpp"
#include "perf/bench/machine.hpp"

namespace bench {

Client::~Client() { ONSALE_ASSERT(state_ == State::closed && !starved_); }

// ---- connecting

void Client::open() {
  ONSALE_ASSERT(state_ == State::closed);
  state_ = State::connecting;
  failed_ = false;
  unasked_ = false;
  asked_ = 0;
  reader_ = {};
  connecting_since_ns_ = clock_ns();
  lane_.connecting(true);
  if (!lane_.open_socket(slot_)) {  // out of descriptors or memory
    lane_.connecting(false);
    ++lane_.tally().lost.connect;
    failed_ = true;
    return end();
  }
  const auto& destination = lane_.destination(*this);
  auto& entry = lane_.loop().arm(connect_);
  io_uring_prep_connect(&entry, static_cast<int>(slot_), &destination.address(), destination.size);
  entry.flags |= IOSQE_FIXED_FILE;
}

void Client::connect_done(net::Event event) noexcept {
  lane_.connecting(false);
  lane_.touch(*this);
  if (state_ != State::connecting) return;
  if (event.result < 0) {
    ++lane_.tally().lost.connect;
    if (event.result == -ECONNREFUSED) ++lane_.tally().connections.refused;
    failed_ = true;
    return end();
  }
  lane_.tally().connected(clock_ns() - connecting_since_ns_);
  state_ = State::open;
}

// ---- asking

bool Client::wants_more() const {
  return share_.count > 0 && (lane_.plan().supply.order() == Order::cycle || position_ + queued_ < share_.count);
}

bool Client::has_room() const {
  if (state_ != State::open || role_ != Role::asks || reader_.closing()) return false;
  const auto& plan = lane_.plan();
  if (unanswered_ >= plan.options.pipeline || (plan.options.churn > 0 && asked_ >= plan.options.churn)) return false;
  return wants_more();
}

void Client::ask(int64_t due_ns) {
  const auto pipeline = lane_.plan().options.pipeline;
  const auto place = oldest_ + unanswered_;
  dues_[place < pipeline ? place : place - pipeline] = due_ns;
  ++unanswered_;
  ++queued_;
  ++asked_;
}

uint32_t Client::wrapped(uint32_t position) const {
  return lane_.plan().supply.order() == Order::cycle ? position % share_.count : position;
}

void Client::flush() {
  if (state_ != State::open || send_.armed() || queued_ == 0) return;
  sending_ = lane_.plan().supply.bytes(share_.first + position_, queued_);
  position_ = wrapped(position_ + queued_);
  queued_ = 0;
  arm_send();
}

void Client::arm_send() {
  auto& entry = lane_.loop().arm(send_);
  io_uring_prep_send(&entry, static_cast<int>(slot_), sending_.data(), sending_.size(), MSG_WAITALL | MSG_NOSIGNAL);
  entry.flags |= IOSQE_FIXED_FILE;
}

void Client::send_done(net::Event event) noexcept {
  if (state_ != State::open) return lane_.touch(*this);
  if (event.result > 0) sending_.remove_prefix(static_cast<std::size_t>(event.result));
  if (event.result < 0 && event.result != -EINTR && event.result != -EAGAIN) return peer_reset();
  if (!sending_.empty()) return arm_send();
  if (queued_ > 0) lane_.touch(*this);
}

// ---- reading

void Client::receive() {
  if (!recv_.armed() && !starved_) lane_.recv_ring().prepare(lane_.loop().arm(recv_), slot_);
}

void Client::recv_done(net::Event event) noexcept {
  if (event.has_buffer()) {
    net::RecvRing::Lease lease{lane_.recv_ring(), event};
    take({lease.bytes().data(), lease.bytes().size()});
  }
  if (!event.more()) recv_ended(event.result);
}

void Client::recv_ended(int32_t result) {
  lane_.touch(*this);
  if (result == -ENOBUFS) {
    starved_ = true;
    return lane_.park(*this);
  }
  if (state_ != State::open || result > 0 || result == -EINTR || result == -EAGAIN) return;
  if (result == 0) {
    peer_closed();
  } else {
    peer_reset();
  }
}

void Client::take(std::string_view bytes) {
  if (state_ != State::open || bytes.empty()) return;
  const auto now_ns = lane_.now_ns();
  lane_.tally().received(bytes.size(), now_ns);
  const bool understood = reader_.read(bytes, [this, now_ns](int status) { answered(status, now_ns); });
  if (understood && !unasked_) return lane_.touch(*this);
  auto& lost = lane_.tally().lost;
  if (unanswered_ == 0) ++lost.protocol;  // nobody asked, and still something came
  lose(lost.protocol);
}

void Client::answered(int status, int64_t now_ns) {
  if (unanswered_ == queued_) {  // nothing is on the wire
    unasked_ = true;
    return;
  }
  lane_.answered(status, dues_[oldest_], now_ns);
  if (++oldest_ == lane_.plan().options.pipeline) oldest_ = 0;
  --unanswered_;
}

// ---- ending

void Client::peer_closed() {
  auto& connections = lane_.tally().connections;
  if (unanswered_ > 0 || reader_.in_the_middle()) return peer_reset();
  ++(role_ == Role::idles ? connections.idle_closed : connections.closed);
  end();
}

void Client::peer_reset() {
  ++lane_.tally().connections.reset;
  lose(lane_.tally().lost.reset);
}

void Client::lose(uint64_t& counter) {
  counter += unanswered_;
  failed_ = true;
  end();
}

void Client::give_up_before(int64_t instant_ns) {
  if (state_ == State::connecting && connecting_since_ns_ < instant_ns) {
    ++lane_.tally().lost.connect;
    failed_ = true;
    end();
  } else if (state_ == State::open && unanswered_ > 0 && dues_[oldest_] < instant_ns) {
    lose(lane_.tally().lost.timeout);
  }
}

// What is under way will not be answered. Requests that were asked and never reached the kernel are not sent later
// either: they count as lost, and a count of both would be wrong.
void Client::end() {
  if (state_ == State::ending || state_ == State::closed) return;
  state_ = State::ending;
  lane_.abandoned(unanswered_);
  position_ = queued_ > 0 ? wrapped(position_ + queued_) : position_;
  unanswered_ = queued_ = 0;
  lane_.loop().cancel(connect_);
  lane_.loop().cancel(recv_);
  lane_.loop().cancel(send_);
  lane_.touch(*this);
}

void Client::settle() {
  if (state_ == State::ending) {
    if (connect_.armed() || recv_.armed() || send_.armed() || starved_) return;  // their last event brings us here
    state_ = State::closed;
    return lane_.closed(*this);
  }
  if (state_ != State::open) return;
  const auto churn = lane_.plan().options.churn;
  if (churn > 0 && asked_ >= churn && unanswered_ == 0) return end();
  receive();
  lane_.feed(*this);
  flush();
}

}  // namespace bench
