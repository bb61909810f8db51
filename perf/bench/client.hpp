// One connection of the load: connects, sends requests of its share, reads the answers, and is replaced when it ends.
//
//   closed ──open──► connecting ──► open ──end──► ending ──nothing armed──► closed
//
// Up to `pipeline` requests are under way; what was asked in one turn leaves in one send, straight from the supply.
//
//   unanswered_:  [ on the wire ............ | queued_ (asked, not given to the kernel yet) ]
//   dues_:        when each of them was due, a ring of `pipeline` instants
//
// Its descriptor is a direct one, in the slot of its number, and its end is a reset: a load generator that leaves
// sockets in TIME_WAIT runs out of ports. A slot is used again only when the kernel may answer nothing any more.
// Ownership: lives in its lane and never moves. Thread: the lane's.
#pragma once
#include <cstdint>
#include <string_view>

#include "net/completion.hpp"
#include "perf/bench/response_reader.hpp"
#include "perf/bench/supply.hpp"

struct sockaddr;

namespace bench {

class Lane;

class Client {
 public:
  enum class State : uint8_t { closed, connecting, open, ending };
  enum class Role : uint8_t { asks, idles };

  Client(Lane& lane, uint32_t slot, Role role, Supply::Share share, int64_t* dues)
      : lane_{lane}, dues_{dues}, share_{share}, slot_{slot}, role_{role} {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void open();
  void end();     // idempotent
  void settle();  // called by the lane for those that asked (Lane::touch), once a turn

  bool has_room() const;                    // for one more request
  void ask(int64_t due_ns);                 // requires has_room()
  void flush();                             // what was asked leaves
  void give_up_before(int64_t instant_ns);  // what began before it takes too long

  State state() const { return state_; }
  Role role() const { return role_; }
  uint32_t slot() const { return slot_; }
  uint32_t unanswered() const { return unanswered_; }
  bool wants_more() const;                 // a new connection would have something to ask
  bool failed() const { return failed_; }  // the last connection did not end as it should
  void buffers_are_back() { starved_ = false; }

 private:
  friend class Lane;
  void connect_done(net::Event event) noexcept;
  void recv_done(net::Event event) noexcept;
  void send_done(net::Event event) noexcept;
  void take(std::string_view bytes);
  void answered(int status, int64_t now_ns);
  void recv_ended(int32_t result);
  void peer_closed();
  void peer_reset();
  void lose(uint64_t& counter);
  void arm_send();
  void receive();
  uint32_t wrapped(uint32_t position) const;

  Lane& lane_;
  net::Op<Client, &Client::connect_done> connect_{*this};
  net::Op<Client, &Client::recv_done> recv_{*this};
  net::Op<Client, &Client::send_done> send_{*this};
  int64_t* dues_;
  std::string_view sending_;  // what the kernel has not taken yet of the send in flight
  Client* next_touched_ = nullptr;
  Client* next_parked_ = nullptr;  // in the lane's list of those without a buffer, or of those to open again
  Client* next_free_ = nullptr;    // open loop: in the lane's queue of those with room
  int64_t connecting_since_ns_ = 0;
  ResponseReader reader_;
  Supply::Share share_;
  uint32_t position_ = 0;  // in the share: the first request not given to the kernel yet
  uint32_t unanswered_ = 0, queued_ = 0, oldest_ = 0;
  uint32_t asked_ = 0;  // on this connection
  uint32_t slot_;
  Role role_;
  State state_ = State::closed;
  bool touched_ = false, starved_ = false, in_free_queue_ = false, failed_ = false;
  bool unasked_ = false;  // an answer came that nobody had asked for
};
static_assert(sizeof(Client) <= 256);

}  // namespace bench
