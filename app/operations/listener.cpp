#include "app/operations/listener.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "app/operations/session.hpp"

namespace app {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds accept_pause{100};  // after a failed accept: out of descriptors, most likely

}  // namespace

// The order of the members is the order of their ends, backwards: sessions lie in the handlers of `calls` and `io` and
// die with these, while their sockets' context and what they share still live.
struct OperationsListener::Inside {
  Inside(OperationsSettings given, Administration& administration, const core::Metrics& metrics, const core::Log& log_)
      : settings{std::move(given)},
        log{log_},
        shared{settings, administration, metrics, log, calls},
        calls{settings.call_threads} {}

  core::Status listen();
  void accept();
  void accepted(boost::system::error_code error, tcp::socket socket);
  bool make_room();
  void run();
  void stop();

  const OperationsSettings settings;
  const core::Log& log;
  operations::Shared shared;
  asio::io_context io;
  asio::thread_pool calls;
  std::thread thread;
  uint16_t bound_port = 0;
  bool stopped = false;
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};
};

core::Status OperationsListener::Inside::listen() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(settings.address, error);
  const tcp::endpoint endpoint{address, settings.port};
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return {
        fmt::format("operations: cannot listen on {} port {}: {}", settings.address, settings.port, error.message())};
  }
  bound_port = acceptor.local_endpoint(error).port();
  return {};
}

void OperationsListener::Inside::accept() {
  acceptor.async_accept(
      [this](boost::system::error_code error, tcp::socket socket) { accepted(error, std::move(socket)); });
}

void OperationsListener::Inside::accepted(boost::system::error_code error, tcp::socket socket) {
  if (error == asio::error::operation_aborted) return;
  if (error) {
    log.warning("operations: cannot accept", {{"reason", error.message()}});
    pause.expires_after(accept_pause);
    pause.async_wait([this](boost::system::error_code stopping) {
      if (!stopping) accept();
    });
    return;
  }
  if (make_room()) std::make_shared<operations::Session>(std::move(socket), shared)->start();
  accept();
}

// One too many takes the place of whoever has kept us waiting longest, so that silent connections keep no probe away.
// When all wait for their calls, it is closed at once: an operator sees that, and waiting would only fill the kernel's
// queue.
bool OperationsListener::Inside::make_room() {
  if (shared.awaiting_peer.size() + shared.awaiting_call.size() < settings.connections_max) return true;
  if (shared.awaiting_peer.empty()) return false;
  shared.awaiting_peer.front()->close();
  return true;
}

// A handler that throws (out of memory) costs its connection, not the listener.
void OperationsListener::Inside::run() {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& failure) {
      log.error("operations: a connection failed", {{"reason", failure.what()}});
    }
  }
}

void OperationsListener::Inside::stop() {
  if (std::exchange(stopped, true)) return;
  io.stop();
  if (thread.joinable()) thread.join();
  calls.stop();  // what runs comes to its end, what waits is dropped
  calls.join();
}

OperationsListener::OperationsListener(OperationsSettings settings, Administration& administration,
                                       const core::Metrics& metrics, const core::Log& log)
    : inside_{std::make_unique<Inside>(std::move(settings), administration, metrics, log)} {}

OperationsListener::~OperationsListener() { stop(); }

core::Status OperationsListener::start() {
  if (auto status = inside_->listen(); !status) return status;
  inside_->accept();
  inside_->thread = std::thread{[inside = inside_.get()] { inside->run(); }};
  return {};
}

uint16_t OperationsListener::port() const { return inside_->bound_port; }

void OperationsListener::stop() { inside_->stop(); }

}  // namespace app
