// For tests: a server on a thread of its own and a blocking client on loopback.
#pragma once
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "core/time.hpp"
#include "net/loop.hpp"
#include "net/server.hpp"
#include "net/wake.hpp"

namespace net_test {

struct Response {
  int status = 0;
  std::string head, body;
  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

class Client {
 public:
  explicit Client(uint16_t port, int receive_buffer_bytes = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    timeval limit{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void shut() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void reset() {
    linger option{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
    close();
  }
  // One answer; status 0 when the connection ended or nothing came for five seconds.
  Response receive(bool with_body = true) {
    Response response;
    std::size_t head_bytes;
    while ((head_bytes = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return response;
    }
    response.head = pending_.substr(0, head_bytes + 4);
    pending_.erase(0, head_bytes + 4);
    std::from_chars(response.head.data() + 9, response.head.data() + 12, response.status);
    auto length = response.head.find("Content-Length: ");
    std::size_t body_bytes = 0;
    if (length != std::string::npos) {
      std::from_chars(response.head.data() + length + 16, response.head.data() + response.head.size(), body_bytes);
    }
    while (with_body && pending_.size() < body_bytes) {
      if (!more()) return {};
    }
    if (with_body) {
      response.body = pending_.substr(0, body_bytes);
      pending_.erase(0, body_bytes);
    }
    return response;
  }
  Response ask(std::string_view request) { return send(request) ? receive() : Response{}; }
  // True when the server has closed (in order or by reset) and nothing unread is left.
  bool closed() {
    char byte;
    auto got = receive_some(&byte, 1);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
  // The kernel takes a ring that an earlier test closed apart in the background and interrupts the thread that had
  // opened it; a receive with a time limit is then EINTR.
  ssize_t receive_some(char* into, std::size_t size) {
    ssize_t got;
    do {
      got = ::recv(fd_, into, size, 0);
    } while (got < 0 && errno == EINTR);
    return got;
  }
  std::string& pending() { return pending_; }
  int fd() const { return fd_; }

 private:
  bool more() {
    char chunk[16384];
    auto got = receive_some(chunk, sizeof chunk);
    if (got <= 0) return false;
    pending_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }
  int fd_ = -1;
  std::string pending_;
};

// Suspends handlers until the test lets them go; stands for Redis. On the loop's thread.
class Gate {
 public:
  struct Passed {
    int64_t number = 0;
    static core::Result<Passed> decode(const Passed& passed) noexcept { return {passed, core::Error::none}; }
  };
  core::Error enter(core::Continuation<Passed> continuation) {
    waiting_.push_back(continuation);
    count_.store(waiting_.size());
    return core::Error::none;
  }
  void open() {
    auto all = std::move(waiting_);
    waiting_.clear();
    count_.store(0);
    Passed passed{static_cast<int64_t>(all.size())};
    for (auto& each : all) each.resume(each.context, &passed, core::Error::none);
  }
  std::size_t waiting() const { return count_.load(); }

 private:
  std::vector<core::Continuation<Passed>> waiting_;
  std::atomic<std::size_t> count_{0};
};

// Runs a loop and a server on a thread of its own until destroyed.
class Running {
 public:
  Running(net::ServerSettings settings, std::vector<net::Route> routes) : router_{routes} {
    settings.address = "127.0.0.1";
    settings.port = 0;
    std::promise<uint16_t> listening;
    auto port = listening.get_future();
    thread_ = std::thread{[this, settings, &listening] { run(settings, listening); }};
    port_ = port.get();
  }
  ~Running() {
    call([this] { stopped_ = true; });
    thread_.join();
  }
  uint16_t port() const { return port_; }
  net::Server& server() { return *server_; }
  net::Loop& loop() { return *loop_; }
  // Runs `what` on the loop's thread and waits for it.
  void call(std::function<void()> what) {
    std::promise<void> done;
    call_ = [&] {
      what();
      done.set_value();
    };
    wake_->notify();
    done.get_future().get();
  }
  void before_stop(std::function<void()> what) { before_stop_ = std::move(what); }

 private:
  void run(net::ServerSettings settings, std::promise<uint16_t>& listening) {
    net::Loop loop;
    loop_ = &loop;
    auto opened = loop.open();
    CHECK_MESSAGE(opened, opened.problem);
    auto run_call = [](void* self) noexcept { std::exchange(static_cast<Running*>(self)->call_, nullptr)(); };
    net::Wake wake{loop, run_call, this};
    wake_ = &wake;
    auto woken = wake.open();
    CHECK_MESSAGE(woken, woken.problem);
    net::Server server{loop, settings, router_};
    server_ = &server;
    auto status = server.listen();
    CHECK_MESSAGE(status, status.problem);
    listening.set_value(server.port());
    while (!stopped_) loop.turn(100);
    if (before_stop_) before_stop_();
    server.close();
  }
  net::Router router_;
  std::function<void()> call_, before_stop_;
  bool stopped_ = false;
  net::Loop* loop_ = nullptr;
  net::Wake* wake_ = nullptr;
  net::Server* server_ = nullptr;
  uint16_t port_ = 0;
  std::thread thread_;
};

template <class Until>
bool eventually(Until until, int64_t ms_max = 60'000) {
  for (auto deadline_ms = core::monotonic_ms() + ms_max; core::monotonic_ms() < deadline_ms;) {
    if (until()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return until();
}

}  // namespace net_test
