// The HTTP server of one core: accepts on a listener of its own (SO_REUSEPORT), reads requests, finds the handler,
// sends the answers. Cores share nothing.
//
//   accept ─► Connection ─► http::RequestReader ─► Router ─► Exchange ─► handler ─► respond ─► Connection ─► send
//
// Every limit is an answer or a cut: no free connection or exchange is 503 decided before anything else is touched.
// Ownership: owns connections, exchanges, receive buffers and send buffers; the loop, the router and the services
// behind it outlive it. Links that may resume a handler are closed (fail_all) before the server is destroyed.
// Thread: the loop's; metrics() any.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/limits.hpp"
#include "core/random.hpp"
#include "core/slab.hpp"
#include "core/text_buffer.hpp"
#include "net/buffer_pool.hpp"
#include "net/connection.hpp"
#include "net/counter.hpp"
#include "net/exchange.hpp"
#include "net/loop.hpp"
#include "net/problem.hpp"
#include "net/recv_ring.hpp"
#include "net/router.hpp"
#include "net/wire/http_request.hpp"
#include "net/wire/http_response.hpp"

namespace net {

struct ServerSettings {
  std::string address = "0.0.0.0";  // IPv4 or IPv6
  uint16_t port = 8080;             // 0: any free one, see Server::port()
  uint32_t connections_max = 16'384;
  uint32_t exchanges_max = core::limits::exchanges_max;
  uint32_t receive_buffers = core::limits::receive_buffers;
  uint32_t receive_buffer_bytes = core::limits::receive_buffer_bytes;
  uint16_t receive_group = 1;                        // differs between servers of one loop
  std::size_t buffer_bytes_max = 512 * 1024 * 1024;  // send buffers and cut requests, all connections together
  std::size_t unsent_bytes_max = core::limits::unsent_bytes_max;
  int64_t request_ms_max = core::limits::request_ms_max;
  int64_t idle_ms_max = core::limits::idle_ms_max;
  int64_t send_stall_ms_max = core::limits::send_stall_ms_max;
  int64_t linger_ms_max = 1000;
};

struct ServerMetrics {
  Counter accepted, shed;              // shed: over connections_max, or out of descriptors
  Counter connections, exchanges;      // now
  Counter requests, refused_requests;  // refused: not HTTP as we want it
  std::array<Counter, 5> responses;    // by class: 1xx, 2xx, ...
  Counter request_timeouts, idle_timeouts;
  Counter slow_readers_cut, floods_cut, memory_refusals;
  Counter starved;                            // receives that found no buffer
  Counter exchange_refusals, frame_refusals;  // answered 503: no exchange free; a frame larger than its room
  Counter unanswered;                         // handlers that ended without an answer: a mistake of ours
  Counter sends, bytes_received, bytes_sent;
};

class Server {
 public:
  Server(Loop& loop, ServerSettings settings, const Router& router);
  ~Server() { close(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Whether nobody listens where we want to. SO_REUSEPORT would let a second node of the same user share the port
  // without a word, so look before the first core listens. Asks again for up to wait_ms while the port is taken: after
  // a kill -9 the kernel tears the ring down, and with it the armed accept that keeps the listener, when the process is
  // long reaped (4 of 100 restarts met it). Any thread; blocks.
  static core::Status check_port(const ServerSettings& settings, int wait_ms = 0);
  core::Status listen();  // on the loop's thread
  uint16_t port() const { return port_; }
  // Stops accepting, answers what is in flight with "Connection: close", closes idle connections.
  void drain();
  bool draining() const { return draining_; }
  bool drained() const;                                 // no connection and no handler left
  bool idle() const { return exchanges_.used() == 0; }  // no handler left: only then may the server be destroyed
  void close();  // cold path, never from a handler: cuts everything and turns the loop until all is closed

  const ServerMetrics& metrics() const { return metrics_; }
  const BufferPool& memory() const { return buffers_; }  // send buffers and cut requests
  const ServerSettings& settings() const { return settings_; }
  Loop& loop() const { return loop_; }

  // ---- for Exchange, Connection and problem()
  struct Document {
    std::string_view body, more_headers;
  };
  // The views live until the next call.
  Document problem_document(Code code, std::string_view detail, std::string_view more_members,
                            std::string_view more_headers);
  core::TextBuffer& scratch();
  // The request's own X-Request-Id when it is a valid one, else a new one. The view lives until the next call.
  std::string_view request_id(const http::Request& request);
  void answered(Exchange& exchange, http::ResponseHead& head, std::string_view body);

 private:
  friend class Connection;

  // accepting
  core::Status open_listener();
  void arm_accept();
  void accept_done(Event event) noexcept;
  void accept_ended(int32_t result);
  void accept_again() noexcept;
  void welcome(int fd);
  void shed(int fd);

  // requests, called by connections
  void dispatch(Connection& connection, http::Request& request);
  void start(const Route& route, Exchange& exchange);
  void refuse(Connection& connection, const http::RequestReader& reader);
  void refuse(Connection& connection, const http::Request& request, Code code, std::string_view detail,
              std::string_view more_headers = {});
  void refuse_route(Connection& connection, const http::Request& request, Router::Outcome outcome);
  void send(Connection& connection, http::ResponseHead& head, std::string_view body);
  void continues(Connection& connection);
  void peer_gone(Exchange& exchange) { exchange.connection_ = nullptr; }
  void check_unanswered(Exchange& exchange);
  void retire(Exchange& exchange);
  void retire_answered();
  std::string_view new_request_id();

  // the end of a turn
  void end_turn(Connection& connection);  // `connection` has work at the end of this turn
  void park(Connection& connection);      // until receive buffers are back
  void end_of_turn() noexcept;
  void unpark();
  void wake() noexcept { loop_.schedule(hook_); }

  RecvRing& recv_ring() { return recv_ring_; }
  BufferPool& buffers() { return buffers_; }
  http::Request& request() { return request_; }

  Loop& loop_;
  const ServerSettings settings_;
  const Router& router_;
  RecvRing recv_ring_;
  BufferPool buffers_;
  core::Slab<Connection> connections_;
  core::Slab<Exchange> exchanges_;
  Connection* turn_list_ = nullptr;
  Connection* starved_list_ = nullptr;
  Exchange* answered_list_ = nullptr;  // answered, but the coroutine had not ended yet
  int listener_ = -1;
  uint16_t port_ = 0;
  bool draining_ = false;
  Op<Server, &Server::accept_done> accept_{*this};
  TimerOf<Server, &Server::accept_again> accept_timer_{*this};
  HookOf<Server, &Server::end_of_turn> hook_{Stage::connections, *this};
  TimerOf<Server, &Server::wake> retry_timer_{*this};

  http::Request request_;  // the one being read; handlers see it until they suspend
  http::DateField date_;
  core::TextBuffer scratch_, problem_body_, problem_headers_;
  core::Random random_;
  std::array<char, 24> request_id_;
  uint64_t request_number_ = 0;
  ServerMetrics metrics_;
};

}  // namespace net
