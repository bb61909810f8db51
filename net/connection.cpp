#include "net/connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/assert.hpp"
#include "net/exchange.hpp"
#include "net/server.hpp"

namespace net {

namespace {

// Requests of a pipeline wait while this much of the answers before them is unsent.
constexpr std::size_t unsent_pause_bytes = 64 * 1024;
constexpr uint32_t discarded_bytes_max = 1024 * 1024;
constexpr int64_t cancel_again_ms = 1000;

}  // namespace

Connection::Connection(Server& server, int fd, const IpAddress& peer)
    : server_{server}, since_ms_{server.loop().now_ms()}, peer_{peer}, fd_{fd} {}

Connection::~Connection() { ONSALE_ASSERT(state_ == State::closed); }

// The receive finds its file although both leave in the same system call: entries are issued in order, and a slot is
// looked up when an operation is issued.
void Connection::start(uint32_t slot) {
  slot_ = slot;
  io_uring_prep_files_update(&server_.loop().arm(slot_op_), &fd_, 1, static_cast<int>(slot));
  receive();
  wake_by(next_check_ms());
}

void Connection::begin(Exchange& exchange) {
  ONSALE_ASSERT(exchange_ == nullptr);
  exchange_ = &exchange;
}

// ---- receiving

void Connection::recv_done(Event event) noexcept {
  if (event.has_buffer()) {
    RecvRing::Lease lease{server_.recv_ring(), event};
    take({lease.bytes().data(), lease.bytes().size()});
  }
  if (!event.more()) recv_ended(event.result);
}

void Connection::recv_ended(int32_t result) {
  pausing_ = false;
  if (result == -ENOBUFS && state_ < State::terminating) {
    starved_ = true;
    server_.park(*this);
    return;
  }
  auto passing = result > 0 || result == -ECANCELED || result == -EINTR || result == -EAGAIN || result == -ENOBUFS;
  if (result == 0) peer_done_ = true;
  if (result == -ETIMEDOUT) server_.metrics_.slow_readers_cut.add();  // TCP_USER_TIMEOUT
  if (!passing && (result != 0 || state_ == State::lingering)) terminate();
  server_.end_turn(*this);
}

// Arms the receive, or stops it while too much waits.
void Connection::receive() {
  auto full = inbox_ != nullptr && inbox_->size() >= Inbox::pause_bytes;
  if (recv_.armed()) {
    if (full && !pausing_) server_.loop().cancel(recv_);
    pausing_ = pausing_ || full;
    return;
  }
  if (full || starved_ || peer_done_ || state_ >= State::terminating) return;
  server_.recv_ring().prepare(server_.loop().arm(recv_), slot_);
}

void Connection::take(std::string_view bytes) {
  if (bytes.empty()) return;
  server_.metrics_.bytes_received.add(bytes.size());
  if (state_ != State::open) {
    discarded_bytes_ += static_cast<uint32_t>(bytes.size());
    if (discarded_bytes_ > discarded_bytes_max) terminate();
    return;
  }
  if (inbox_ != nullptr) {
    if (keep(bytes)) consume_inbox();
    return;
  }
  if (exchange_ == nullptr) since_ms_ = server_.loop().now_ms();
  http::RequestReader reader;
  auto used = consume(bytes, reader);
  if (used == bytes.size() || state_ != State::open || !keep(bytes.substr(used))) return;
  inbox_->reader = reader;
  watch_request();
}

// False when a limit is reached, and then the connection is cut.
bool Connection::keep(std::string_view bytes) {
  auto* inbox = Inbox::append(server_.buffers(), inbox_, bytes);
  if (inbox == nullptr) {
    const bool flood = inbox_ != nullptr && !inbox_->may_take(bytes);
    (flood ? server_.metrics_.floods_cut : server_.metrics_.memory_refusals).add();
    terminate();
    return false;
  }
  inbox_ = inbox;
  if (inbox_->size() >= Inbox::pause_bytes) server_.end_turn(*this);
  return true;
}

void Connection::watch_request() {
  if (waits_for_request_bytes()) wake_by(since_ms_ + server_.settings().request_ms_max);
}

void Connection::consume_inbox() {
  if (state_ != State::open || inbox_ == nullptr) return;
  inbox_->discard(consume(inbox_->bytes(), inbox_->reader));
  if (inbox_->size() > 0 && state_ == State::open) return watch_request();
  Inbox::destroy(server_.buffers(), inbox_);
  inbox_ = nullptr;
}

bool Connection::ready_for_request() const {
  return state_ == State::open && exchange_ == nullptr && unsent_bytes() < unsent_pause_bytes;
}

bool Connection::waits_for_request_bytes() const { return inbox_ != nullptr && ready_for_request(); }

// Handles the requests that lie whole in `bytes`, as long as each is answered at once. Returns how much is done with;
// `reader` then belongs to what is left. Nothing in here moves or frees the bytes.
std::size_t Connection::consume(std::string_view bytes, http::RequestReader& reader) {
  std::size_t used = 0;
  while (used < bytes.size() && ready_for_request()) {
    auto& request = server_.request();
    switch (reader.read(bytes.substr(used), request)) {
      case http::RequestReader::Progress::more:
        if (reader.take_continue()) server_.continues(*this);
        return used;
      case http::RequestReader::Progress::refused:
        server_.refuse(*this, reader);
        return bytes.size();
      case http::RequestReader::Progress::complete:
        used += reader.message_bytes();
        reader = {};
        server_.dispatch(*this, request);
    }
  }
  return used;
}

// ---- sending

void Connection::answer(http::ResponseHead head, std::string_view body) {
  if (state_ != State::open) return;
  exchange_ = nullptr;
  since_ms_ = server_.loop().now_ms();
  lingers_ = lingers_ || (server_.draining() && !head.close);
  head.close = head.close || lingers_;
  auto* out = reserve(http::response_bytes_max(head, body));
  if (out == nullptr) return;
  filling_.size += static_cast<uint32_t>(http::render(head, body, out) - out);
  if (head.close) state_ = State::closing;
  server_.end_turn(*this);
}

void Connection::write(std::string_view bytes) {
  auto* out = reserve(bytes.size());
  if (out == nullptr) return;
  std::memcpy(out, bytes.data(), bytes.size());
  filling_.size += static_cast<uint32_t>(bytes.size());
  server_.end_turn(*this);
}

// Room behind what is filled; null when the peer reads too slowly or memory has reached its limit, and then it is cut.
char* Connection::reserve(std::size_t size) {
  auto& metrics = server_.metrics_;
  if (unsent_bytes() + size > server_.settings().unsent_bytes_max) {
    metrics.slow_readers_cut.add();
  } else if (size <= filling_.capacity - filling_.size || grow(size)) {
    return filling_.data + filling_.size;
  } else {
    metrics.memory_refusals.add();
  }
  terminate();
  return nullptr;
}

bool Connection::grow(std::size_t size) {
  auto larger = server_.buffers().acquire(filling_.size + size);
  if (!larger) return false;
  if (filling_.size > 0) std::memcpy(larger.data, filling_.data, filling_.size);
  server_.buffers().release(filling_.block());
  filling_.data = larger.data;
  filling_.capacity = larger.capacity;
  return true;
}

void Connection::release(Outgoing& outgoing) {
  server_.buffers().release(outgoing.block());
  outgoing = {};
}

void Connection::flush() {
  if (send_.armed() || filling_.size == 0 || state_ >= State::lingering) return;
  std::swap(filling_, sending_);
  sent_ms_ = server_.loop().now_ms();
  server_.metrics_.sends.add();
  arm_send();
  wake_by(next_check_ms());
}

// Without MSG_WAITALL: each short send is a sign that the peer reads.
void Connection::arm_send() {
  auto& entry = server_.loop().arm(send_);
  io_uring_prep_send(&entry, static_cast<int>(slot_), sending_.data + sent_, sending_.size - sent_, MSG_NOSIGNAL);
  entry.flags |= IOSQE_FIXED_FILE;
}

void Connection::send_done(Event event) noexcept {
  server_.end_turn(*this);
  if (event.result > 0) {
    sent_ += static_cast<uint32_t>(event.result);
    sent_ms_ = server_.loop().now_ms();
    server_.metrics_.bytes_sent.add(static_cast<uint64_t>(event.result));
  } else if (event.result != -EINTR && event.result != -EAGAIN) {
    return terminate();
  }
  if (state_ >= State::terminating) return;
  if (sent_ < sending_.size) return arm_send();
  release(sending_);
  sent_ = 0;
  since_ms_ = server_.loop().now_ms();  // the time a slow reader took is not taken from its next request
}

// ---- the end of a turn, and of the connection

void Connection::end_of_turn() {
  ONSALE_ASSERT(in_turn_list_);  // stays set until the end: what happens in here needs no second visit
  consume_inbox();
  flush();
  settle();
  in_turn_list_ = false;
}

bool Connection::idle() const {
  return exchange_ == nullptr && inbox_ == nullptr && !send_.armed() && unsent_bytes() == 0;
}

void Connection::settle() {
  auto sent = !send_.armed() && unsent_bytes() == 0;
  if (state_ == State::open && idle() && server_.draining()) state_ = State::closing;
  if (state_ == State::closing && sent) linger();
  if (state_ == State::open && peer_done_ && exchange_ == nullptr && sent) terminate();
  if (state_ == State::terminating) return terminate_join();
  receive();
}

void Connection::drain() { server_.end_turn(*this); }

void Connection::linger() {
  if (peer_done_ || !lingers_) return terminate();
  state_ = State::lingering;
  // Watched although nobody needs the answer: the kernel gives it to a thread, which looks the slot up when it comes to
  // it, and until then no other connection may live there.
  auto& entry = server_.loop().arm(slot_op_);
  io_uring_prep_shutdown(&entry, static_cast<int>(slot_), SHUT_WR);
  entry.flags |= IOSQE_FIXED_FILE;
  since_ms_ = server_.loop().now_ms();
  wake_by(next_check_ms());
}

void Connection::terminate() {
  if (state_ >= State::terminating) return;
  state_ = State::terminating;
  if (exchange_ != nullptr) server_.peer_gone(*exchange_);
  exchange_ = nullptr;
  timer_.stop();
  wake_by(server_.loop().now_ms() + cancel_again_ms);
  // By their addresses: looking for all that is armed on a slot makes the kernel walk all that is armed on the ring,
  // which among 10 000 connections took four fifths of the core.
  server_.loop().cancel(recv_);
  server_.loop().cancel(send_);
  server_.end_turn(*this);
}

void Connection::terminate_join() {
  if (recv_.armed() || send_.armed() || slot_op_.armed() || starved_) return;  // their last event brings us here again
  release(filling_);
  release(sending_);
  sent_ = 0;
  Inbox::destroy(server_.buffers(), inbox_);
  inbox_ = nullptr;
  timer_.stop();
  state_ = State::leaving;
  io_uring_prep_close_direct(&server_.loop().arm(slot_op_), slot_);
}

void Connection::slot_done(Event event) noexcept {
  server_.end_turn(*this);
  if (state_ == State::leaving) state_ = State::closed;
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));  // the slot has it
  if (event.result != 1) terminate();
}

// ---- time

// Timers are lazy: a request moves an instant, not a timer. The timer wakes at the earliest instant that may matter
// and looks.
void Connection::wake_by(int64_t at_ms) {
  if (timer_.running() && timer_.due_ms() <= at_ms) return;
  server_.loop().start(timer_, std::max<int64_t>(0, at_ms - server_.loop().now_ms()));
}

int64_t Connection::next_check_ms() const {
  const auto& settings = server_.settings();
  if (state_ == State::lingering) return since_ms_ + settings.linger_ms_max;
  if (send_.armed()) return sent_ms_ + settings.send_stall_ms_max;
  if (exchange_ != nullptr) return server_.loop().now_ms() + settings.idle_ms_max;
  return since_ms_ + (inbox_ != nullptr ? settings.request_ms_max : settings.idle_ms_max);
}

void Connection::check() noexcept {
  auto now_ms = server_.loop().now_ms();
  if (state_ == State::terminating) {
    // By their addresses the kernel has not found them, as some 6.11.
    if (recv_.armed() || send_.armed()) server_.loop().cancel_direct(slot_);
    return wake_by(now_ms + cancel_again_ms);
  }
  if (state_ == State::lingering) {
    if (now_ms >= since_ms_ + server_.settings().linger_ms_max) terminate();
  } else if (send_.armed() && now_ms >= sent_ms_ + server_.settings().send_stall_ms_max) {
    server_.metrics_.slow_readers_cut.add();
    terminate();
  } else {
    check_waiting(now_ms);
  }
  if (state_ < State::terminating) wake_by(std::max(next_check_ms(), now_ms + 1));
}

void Connection::check_waiting(int64_t now_ms) {
  if (exchange_ != nullptr) return server_.check_unanswered(*exchange_);
  if (send_.armed()) return;
  const auto& settings = server_.settings();
  if (waits_for_request_bytes() && now_ms >= since_ms_ + settings.request_ms_max) {
    server_.metrics_.request_timeouts.add();
    terminate();
  } else if (inbox_ == nullptr && now_ms >= since_ms_ + settings.idle_ms_max) {
    server_.metrics_.idle_timeouts.add();
    state_ = State::closing;
    server_.end_turn(*this);
  }
}

}  // namespace net
