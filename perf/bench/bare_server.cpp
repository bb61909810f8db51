#include "perf/bench/bare_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/assert.hpp"
#include "net/wire/http_response.hpp"

namespace bench {

namespace {

constexpr std::size_t answer_bytes_max = 64 * 1024;  // of copies in a row
constexpr int backlog = 65'535;
constexpr int64_t accept_pause_ms = 100;

std::string one_answer(std::size_t body_bytes) {
  const std::string body(body_bytes, ' ');
  net::http::ResponseHead head;
  head.date = "Date: Fri, 20 Nov 2026 07:20:00 GMT\r\n";
  head.content_type = "application/json";
  head.request_id = "0123456789abcdef01234567";
  std::string bytes(net::http::response_bytes_max(head, body), '\0');
  bytes.resize(static_cast<std::size_t>(net::http::render(head, body, bytes.data()) - bytes.data()));
  return bytes;
}

}  // namespace

BareAnswer::BareAnswer(std::size_t body_bytes) {
  const auto one = one_answer(body_bytes);
  size_ = one.size();
  copies_ = static_cast<uint32_t>(std::max<std::size_t>(1, answer_bytes_max / size_));
  for (uint32_t copy = 0; copy < copies_; ++copy) bytes_ += one;
}

// ---- one connection

BareConnection::~BareConnection() { ONSALE_ASSERT(state_ == State::closed); }

void BareConnection::start() {
  ONSALE_ASSERT(state_ == State::closed);
  state_ = State::open;
  heads_ = {};
  owed_ = 0;
  server_.touch(*this);
}

void BareConnection::recv_done(net::Event event) noexcept {
  if (event.has_buffer()) {
    net::RecvRing::Lease lease{server_.recv_ring_, event};
    owed_ += heads_.count({lease.bytes().data(), lease.bytes().size()});
    server_.touch(*this);
  }
  if (event.more()) return;
  server_.touch(*this);
  if (event.result == -ENOBUFS) {
    starved_ = true;
    return server_.park(*this);
  }
  if (event.result <= 0 && event.result != -EINTR && event.result != -EAGAIN) end();
}

void BareConnection::send_done(net::Event event) noexcept {
  server_.touch(*this);
  if (event.result > 0) sending_.remove_prefix(static_cast<std::size_t>(event.result));
  if (event.result < 0 && event.result != -EINTR && event.result != -EAGAIN) end();
}

void BareConnection::arm_send() {
  auto& entry = server_.loop_.arm(send_);
  io_uring_prep_send(&entry, static_cast<int>(slot_), sending_.data(), sending_.size(), MSG_WAITALL | MSG_NOSIGNAL);
  entry.flags |= IOSQE_FIXED_FILE;
}

void BareConnection::end() {
  if (state_ != State::open) return;
  state_ = State::ending;
  server_.loop_.cancel_direct(slot_);
  server_.touch(*this);
}

void BareConnection::settle() {
  if (state_ == State::ending) {
    if (recv_.armed() || send_.armed() || starved_) return;  // their last event brings us here
    state_ = State::leaving;
    io_uring_prep_close_direct(&server_.loop_.arm(close_), slot_);
  }
  if (state_ != State::open) return;
  if (!recv_.armed() && !starved_) server_.recv_ring_.prepare(server_.loop_.arm(recv_), slot_);
  if (send_.armed()) return;
  if (sending_.empty() && owed_ > 0) {
    const auto count = std::min<uint64_t>(owed_, server_.answer_.copies());
    sending_ = server_.answer_.times(static_cast<uint32_t>(count));
    owed_ -= count;
  }
  if (!sending_.empty()) arm_send();
}

void BareConnection::close_done(net::Event) noexcept {
  sending_ = {};
  state_ = State::closed;
}

// ---- all of them

BareServer::BareServer(net::Loop& loop, const BareAnswer& answer, Settings settings)
    : loop_{loop}, answer_{answer}, settings_{settings}, connections_(settings.connections_max) {}

BareServer::~BareServer() {
  if (listener_ >= 0) ::close(listener_);
}

core::Status BareServer::bind_and_listen() {
  sockaddr_storage bound{};
  auto size = settings_.address.write(settings_.port, bound);
  listener_ = ::socket(bound.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const auto stall_ms = static_cast<unsigned>(core::limits::send_stall_ms_max);
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(listener_, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&bound), size) < 0 || ::listen(listener_, backlog) < 0) {
    return {settings_.address.text() + ":" + std::to_string(settings_.port) + ": " + std::strerror(errno)};
  }
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                                           : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return {};
}

core::Status BareServer::listen() {
  if (auto room = loop_.open_descriptors(settings_.connections_max); !room) return room;
  if (auto ring = recv_ring_.open(); !ring) return ring;
  if (auto status = bind_and_listen(); !status) return status;
  arm_accept();
  return {};
}

void BareServer::arm_accept() {
  io_uring_prep_multishot_accept_direct(&loop_.arm(accept_), listener_, nullptr, nullptr, 0);
}

// The kernel finds the free slot; one that was closed is free before it can come again.
void BareServer::accept_done(net::Event event) noexcept {
  if (event.result >= 0) {
    auto& connection = connections_[static_cast<std::size_t>(event.result)];
    if (!connection) connection = std::make_unique<BareConnection>(*this, static_cast<uint32_t>(event.result));
    connection->start();
  }
  if (event.more() || closing_) return;
  if (event.result >= 0) {
    arm_accept();
  } else {  // no slot is free: the backlog waits
    loop_.start(accept_timer_, accept_pause_ms);
  }
}

void BareServer::accept_again() noexcept {
  if (!closing_ && !accept_.armed()) arm_accept();
}

void BareServer::touch(BareConnection& connection) {
  if (std::exchange(connection.touched_, true)) return;
  connection.next_touched_ = std::exchange(touched_, &connection);
}

void BareServer::park(BareConnection& connection) { connection.next_starved_ = std::exchange(starved_, &connection); }

// Re-arming while the ring is nearly empty would fail at once and spin.
void BareServer::unpark() {
  if (starved_ == nullptr || !recv_ring_.half_free()) return;
  auto* list = std::exchange(starved_, nullptr);
  while (list != nullptr) {
    auto& connection = *std::exchange(list, list->next_starved_);
    connection.buffers_are_back();
    touch(connection);
  }
}

void BareServer::turn(int64_t wait_ms_max) {
  unpark();
  auto* list = std::exchange(touched_, nullptr);
  while (list != nullptr) {
    auto& connection = *std::exchange(list, list->next_touched_);
    connection.touched_ = false;
    connection.settle();
  }
  loop_.turn(touched_ != nullptr ? 0 : wait_ms_max);
}

void BareServer::close() {
  closing_ = true;
  accept_timer_.stop();
  loop_.cancel(accept_);
  const auto open = [](const auto& connection) { return connection && !connection->is_closed(); };
  while (accept_.armed() || std::ranges::any_of(connections_, open)) {
    for (auto& connection : connections_) {
      if (open(connection)) connection->end();
    }
    turn(1);
  }
}

}  // namespace bench
