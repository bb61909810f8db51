// The operations listener: livez, readyz and metrics for machines, the admin calls for operators, over HTTP/1.1 on a
// port of its own (Boost.Asio and Beast; the io_uring loops know nothing of it).
//
//   io thread: accept, parse, authenticate, route, livez/readyz/metrics     call threads: Administration, may block
//
// A probe is never behind a call that waits for PostgreSQL, nor kept away by silent connections: the one that has kept
// the listener waiting longest makes room. Everything has a limit: connections, header and body bytes, time, calls that
// wait; the admin token is compared in constant time before a body is read.
// Ownership: owns its threads and sockets; borrows what it is given, which must outlive it. Thread: start() and stop()
// belong to the owner's thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "app/administration.hpp"
#include "core/error.hpp"
#include "core/limits.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"

namespace app {

struct OperationsSettings {
  std::string address = "127.0.0.1";
  uint16_t port = 9090;  // 0: any free one, see port()
  std::string admin_token{};
  uint32_t call_threads = 2;
  uint32_t calls_waiting_max = 64;
  uint32_t connections_max = 128;
  std::size_t body_bytes_max = core::limits::definition_bytes_max;
  int64_t io_ms_max = 30'000;  // to send a whole head or body, to take an answer, or idle between requests
};

class OperationsListener {
 public:
  OperationsListener(OperationsSettings settings, Administration& administration, const core::Metrics& metrics,
                     const core::Log& log);
  ~OperationsListener();  // stops
  OperationsListener(const OperationsListener&) = delete;
  OperationsListener& operator=(const OperationsListener&) = delete;

  // Listens and serves from threads of its own. The problem names the address.
  core::Status start();
  uint16_t port() const;  // after start()
  // Closes everything and waits for the calls that run; those that wait are dropped. Idempotent.
  void stop();

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace app
