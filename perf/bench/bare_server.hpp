// The physical limit: a responder made of the server's own ring code that understands nothing. It answers every end of
// a request's head with the same bytes. What the server costs beyond it is what HTTP, routing and the answer cost.
//
//   accept (multishot, into the ring's table) ─► receive (multishot, provided buffers) ─► count heads ─► one send a
//   turn
//
// The socket options and the receive buffers are net::Server's. A request must not have an empty line in its body.
// Ownership: owns its connections and the answer; the loop outlives it. Thread: the loop's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/limits.hpp"
#include "net/address.hpp"
#include "net/completion.hpp"
#include "net/loop.hpp"
#include "net/recv_ring.hpp"
#include "net/timer.hpp"
#include "perf/bench/head_counter.hpp"

namespace bench {

// The same answer many times in a row, so that a pipeline is one send. As many bytes as the server's answer with a body
// of this size.
class BareAnswer {
 public:
  explicit BareAnswer(std::size_t body_bytes);
  uint32_t copies() const { return copies_; }
  std::string_view times(uint32_t count) const { return std::string_view{bytes_}.substr(0, count * size_); }

 private:
  std::string bytes_;
  std::size_t size_;
  uint32_t copies_;
};

class BareServer;

class BareConnection {
 public:
  BareConnection(BareServer& server, uint32_t slot) : server_{server}, slot_{slot} {}
  ~BareConnection();
  BareConnection(const BareConnection&) = delete;
  BareConnection& operator=(const BareConnection&) = delete;

  void start();
  void settle();  // once a turn, when something happened
  void end();     // idempotent
  bool is_closed() const { return state_ == State::closed; }
  void buffers_are_back() { starved_ = false; }

 private:
  friend class BareServer;
  enum class State : uint8_t { closed, open, ending, leaving };
  void recv_done(net::Event event) noexcept;
  void send_done(net::Event event) noexcept;
  void close_done(net::Event event) noexcept;
  void arm_send();

  BareServer& server_;
  net::Op<BareConnection, &BareConnection::recv_done> recv_{*this};
  net::Op<BareConnection, &BareConnection::send_done> send_{*this};
  net::Op<BareConnection, &BareConnection::close_done> close_{*this};
  std::string_view sending_;
  BareConnection* next_touched_ = nullptr;
  BareConnection* next_starved_ = nullptr;
  uint64_t owed_ = 0;  // answers
  HeadCounter heads_;
  uint32_t slot_;
  State state_ = State::closed;
  bool touched_ = false, starved_ = false;
};

class BareServer {
 public:
  struct Settings {
    net::IpAddress address;
    uint16_t port = 0;  // 0: any free one
    uint32_t connections_max = 16'384;
  };

  BareServer(net::Loop& loop, const BareAnswer& answer, Settings settings);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;

  core::Status listen();
  uint16_t port() const { return port_; }
  void turn(int64_t wait_ms_max);
  void close();  // turns the loop until everything is closed

 private:
  friend class BareConnection;
  core::Status bind_and_listen();
  void accept_done(net::Event event) noexcept;
  void arm_accept();
  void accept_again() noexcept;
  void touch(BareConnection& connection);
  void park(BareConnection& connection);
  void unpark();

  net::Loop& loop_;
  const BareAnswer& answer_;
  Settings settings_;
  net::RecvRing recv_ring_{loop_, {core::limits::receive_buffers, core::limits::receive_buffer_bytes, 1}};
  std::vector<std::unique_ptr<BareConnection>> connections_;  // by slot; made when first needed
  net::Op<BareServer, &BareServer::accept_done> accept_{*this};
  net::TimerOf<BareServer, &BareServer::accept_again> accept_timer_{*this};
  BareConnection* touched_ = nullptr;
  BareConnection* starved_ = nullptr;
  int listener_ = -1;
  uint16_t port_ = 0;
  bool closing_ = false;
};

}  // namespace bench
