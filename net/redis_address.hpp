// Where a Redis listens: a Unix socket, a numeric address, or a name that is looked up without stopping the loop.
//
// Names are looked up anew for each connection, because a failover may move them. glibc does it on a thread of its own
// (getaddrinfo_a); the owner asks poll() from a timer. A name with several addresses is tried one after another.
// Ownership: does not move while a look-up runs; the destructor waits for one that cannot be cancelled.
// Thread: the loop's.
#pragma once
#include <netdb.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;  // 0: none
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// Empty when the path is longer than the kernel's 107 bytes.
SocketAddress unix_address(const std::string& path);

class NameLookup {
 public:
  enum class State : uint8_t { idle, running, found, failed };
  NameLookup() = default;
  ~NameLookup() { cancel(); }
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // Numeric addresses are found at once, names after some polls.
  State start(const std::string& host, uint16_t port);
  State poll();
  void cancel();  // may wait for a look-up that has begun
  // Of the addresses found, number `attempt` modulo how many there are.
  SocketAddress address(uint32_t attempt) const;

 private:
  void release();

  State state_ = State::idle;
  std::string host_, port_;
  addrinfo hints_{};
  gaicb request_{};
  addrinfo* found_ = nullptr;
};

}  // namespace net
