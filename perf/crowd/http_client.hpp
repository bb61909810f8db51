// A browser's connection to the server: HTTP/1.1 with keep-alive, one request at a time, reconnecting by itself.
// A request that got no answer comes back as an Answer with status 0 and the reason; nothing throws.
// Ownership: a Connection owns its socket and is destroyed with nothing in flight. Thread: the crowd's only thread.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "perf/crowd/task.hpp"

namespace crowd {

struct Endpoint {
  std::string authority;  // HOST:PORT as written, for the Host header
  asio::ip::tcp::endpoint address;
};

// Takes http://HOST[:PORT][/]; resolves the name now, so that no request waits for it.
core::Checked<Endpoint> resolve(const std::string& url);

// The address that connection `number` of very many comes from. One address has 28 000 ports to connect from, and those
// of closed connections rest for a minute; loopback has more addresses. Empty (the system's choice) anywhere else.
std::optional<asio::ip::address> source_address(const Endpoint& endpoint, uint32_t number);

enum class Method : uint8_t { get, put, post, del };

struct Request {
  Method method = Method::get;
  std::string target;
  std::string body{};
  std::string bearer{};
  std::string cookie{};           // name=value
  std::string identity_header{};  // set together with user
  std::string user{};
  std::string idempotency_key{};
};

struct Answer {
  int status = 0;            // 0: no answer
  const char* trouble = "";  // with status 0: connect_failed, connection_closed, timeout, no_descriptors_here
  std::string body;
  double retry_after_s = 0;
  bool replayed = false;  // Idempotency-Replayed: true
  uint64_t took_us = 0;   // from before the connect, if one was needed, to the last byte
};

class Connection {
 public:
  static constexpr milliseconds deadline{10'000};  // for a request with all that belongs to it

  Connection(asio::io_context& context, const Endpoint& endpoint, std::optional<asio::ip::address> source = {});
  // The answer, or why there is none. GET and DELETE are repeated once when a kept connection turns out to be closed;
  // a POST is not: only its sender knows whether it may be repeated.
  Task<Answer> ask(const Request& request);
  // Sends the request and drops the connection without waiting: the answer is lost, the request may or may not count.
  // False when it could not even be sent.
  Task<bool> send_and_drop(const Request& request);
  void close();

 private:
  Task<boost::system::error_code> open();
  boost::system::error_code bind_source();
  Task<boost::system::error_code> write(const Request& request);
  Task<boost::system::error_code> read(Answer& answer);
  Task<boost::system::error_code> exchange(const Request& request, Answer& answer);

  const Endpoint& endpoint_;
  const std::optional<asio::ip::address> source_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer received_;
  bool open_ = false;
};

}  // namespace crowd
