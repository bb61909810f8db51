// A server that does what a test wants, however wrong: each connection gets a blocking thread with a script.
// Ownership: owns its threads; destruction closes everything and joins. Thread: the test's; scripts run on their own.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bench_test {

// One accepted connection, inside a script.
class Peer {
 public:
  explicit Peer(int fd) : fd_{fd} {}
  // The next request's head, without a body; empty when the client has gone.
  std::string read_head() {
    for (;;) {
      if (const auto end = bytes_.find("\r\n\r\n"); end != bytes_.npos) {
        auto head = bytes_.substr(0, end + 4);
        bytes_.erase(0, end + 4);
        return head;
      }
      char piece[4096];
      const auto got = ::recv(fd_, piece, sizeof piece, 0);
      if (got <= 0) return {};
      bytes_.append(piece, static_cast<std::size_t>(got));
    }
  }
  void write(std::string_view bytes) { static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)); }
  void reset() {
    const ::linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  int fd_;
  std::string bytes_;
};

class FakeServer {
 public:
  // `number` counts connections from 0. The connection is closed when the script returns.
  using Script = std::function<void(Peer&, int number)>;

  explicit FakeServer(Script script) : script_{std::move(script)} {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 128);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { accept(); }};
  }
  ~FakeServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& connection : connections_) connection.join();
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  uint16_t port() const { return port_; }

 private:
  void accept() {
    for (int number = 0;; ++number) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      connections_.emplace_back([this, fd, number] {
        Peer peer{fd};
        script_(peer, number - 1);  // the first connection only looks whether somebody is there
        ::close(fd);
      });
    }
  }

  Script script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> connections_;
};

}  // namespace bench_test
