// One client's connection. It reads one request at a time, hands it on, and sends what is answered.
//
//   open ──answer with close──► closing ──all sent──► lingering ──peer closed, or a second──► terminating ──► closed
//     └────────────── error, timeout, slow reader, end of the peer's bytes ──────────────────────┘
//
// lingering: our side is shut, what still comes is thrown away; closing at once would reset the connection and could
// destroy the answer on its way. Only where more may come: not behind a client's own "Connection: close", not when
// idle. terminating joins: it gives up its slot (leaving) only when the kernel may answer nothing any more.
//
// The socket is a direct descriptor: once accepted it moves into the slot of the ring's table that has the number of
// the connection's place in the slab, and out of the process' table, so connections do not count as open files.
//
// Receiving is one multishot operation on the core's receive buffers. A request that lies whole in its buffer is
// handled in place; only a cut one, or one behind a request in flight, is copied (Inbox). Sending: answers of one turn
// gather in one buffer and leave in one send; while it is in the kernel the next buffer fills.
//
// Ownership: lives in the server's slab and never moves; an idle one owns a descriptor and no buffer.
// Thread: the loop's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/address.hpp"
#include "net/buffer_pool.hpp"
#include "net/completion.hpp"
#include "net/inbox.hpp"
#include "net/timer.hpp"
#include "net/wire/http_response.hpp"

namespace net {

struct Exchange;
class Server;

class Connection {
 public:
  enum class State : uint8_t { open, closing, lingering, terminating, leaving, closed };

  Connection(Server& server, int fd, const IpAddress& peer);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(uint32_t slot);       // moves the descriptor into the slot, begins to receive
  void begin(Exchange& exchange);  // a handler works for it; the next request waits
  // Queues an answer and lets the next request come. Adds "Connection: close" where it must, and then closes.
  void answer(http::ResponseHead head, std::string_view body);
  void write(std::string_view bytes);            // queues bytes as they are
  void drain();                                  // closes when idle; a request in flight is answered first
  void terminate();                              // at once; idempotent; a handler in flight finds its peer gone
  void end_of_turn();                            // called by the server for those that asked (Server::end_turn)
  void buffers_are_back() { starved_ = false; }  // the receive ring has room again

  const IpAddress& peer() const { return peer_; }
  State state() const { return state_; }
  std::size_t unsent_bytes() const { return filling_.size + sending_.size - sent_; }

 private:
  friend class Server;
  struct Outgoing {  // a block of the buffer pool and how much of it is filled
    char* data = nullptr;
    uint32_t capacity = 0;
    uint32_t size = 0;
    BufferPool::Block block() const { return {data, capacity}; }
  };

  // receiving
  void recv_done(Event event) noexcept;
  void recv_ended(int32_t result);
  void receive();
  void take(std::string_view bytes);
  bool keep(std::string_view bytes);
  void watch_request();
  std::size_t consume(std::string_view bytes, http::RequestReader& reader);
  void consume_inbox();
  bool ready_for_request() const;
  bool waits_for_request_bytes() const;
  bool idle() const;

  // sending
  void send_done(Event event) noexcept;
  char* reserve(std::size_t size);
  bool grow(std::size_t size);
  void flush();
  void arm_send();
  void release(Outgoing& outgoing);

  // ending
  void settle();
  void linger();
  void terminate_join();
  void slot_done(Event event) noexcept;

  // time
  void check() noexcept;
  void check_waiting(int64_t now_ms);
  int64_t next_check_ms() const;
  void wake_by(int64_t at_ms);

  Server& server_;
  Op<Connection, &Connection::recv_done> recv_{*this};
  Op<Connection, &Connection::send_done> send_{*this};
  Op<Connection, &Connection::slot_done> slot_op_{*this};  // what is done to the slot: into it, shut it, out of it
  TimerOf<Connection, &Connection::check> timer_{*this};
  Exchange* exchange_ = nullptr;  // the request in flight
  Inbox* inbox_ = nullptr;        // null while no byte waits
  Outgoing filling_, sending_;
  uint32_t sent_ = 0;                   // of sending_
  Connection* next_turn_ = nullptr;     // in the server's list of those with work at the end of the turn
  Connection* next_starved_ = nullptr;  // in the server's list of those that found no receive buffer
  int64_t since_ms_;                    // first byte of the request, or last answer sent, or begin of lingering
  int64_t sent_ms_ = 0;                 // when the kernel last took bytes of the send in flight, or got it
  IpAddress peer_;
  int fd_;  // until it lives in the slot; -1 from then on
  uint32_t slot_ = 0;
  uint32_t discarded_bytes_ = 0;  // while lingering
  State state_ = State::open;
  bool in_turn_list_ = false;
  bool starved_ = false;
  bool pausing_ = false;    // the receive is being cancelled because too much waits
  bool peer_done_ = false;  // the peer has shut its side
  bool lingers_ = false;    // once closing: the peer may be sending still
};
static_assert(sizeof(Connection) <= 248);  // 256 with what the slab adds

}  // namespace net
