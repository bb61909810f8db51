// One connection to the operations listener: one request after another, each read, judged and answered.
//
//   read head -> (401, 404, 405, 413, 431, 501 at once) -> 100 Continue if asked -> read body -> call -> send -> again
//
// What is wrong with the head is answered before the body is read. Unless a message was understood and read to its end,
// its connection ends with the answer: what follows may be a part of it, and must never be taken for a request.
// Ownership: lives as long as an operation or a call refers to it. Thread: the listener's io thread, except run_call().
#pragma once
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/operations/head.hpp"
#include "app/operations/listener.hpp"
#include "app/operations/routes.hpp"
#include "core/ulid.hpp"
#include "net/wire/http_head.hpp"

namespace app::operations {

class Session;

// What all sessions share; outlives them.
struct Shared {
  const OperationsSettings& settings;
  Administration& administration;
  const core::Metrics& metrics;
  const core::Log& log;
  boost::asio::thread_pool& calls;
  core::UlidGenerator ids{};  // for X-Request-Id
  core::Random random{};      // jitters Retry-After
  // Every session is in one of the two.
  std::list<Session*> awaiting_peer{};  // to say something or to take an answer; first who has waited longest
  std::list<Session*> awaiting_call{};  // handed to the call threads and not yet answered
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket socket, Shared& shared);
  ~Session();
  void start() { read_head(); }
  void close();  // at once, for another; it dies when its operations have ended

 private:
  using Error = boost::beast::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  // An answer before it is put into HTTP.
  struct Answer {
    int status = 200;
    std::string body;
    std::string_view content_type;
    std::string allow{};  // not empty: the methods that would do
  };

  void line_up(std::list<Session*>& among);
  void await_peer();
  void read_head();
  void scan_head();
  void read_more();
  Error parse_head();
  void head_done(Error error);
  void refuse_unread(Error error);
  bool accept_head();
  bool accept_call();
  bool accept_small_body();
  void refuse_body(std::size_t bytes_max);
  bool authenticate();
  void send_continue();
  void continue_sent(Error error);
  void read_body();
  void body_done(Error error);
  void serve();
  void serve_readiness();
  void serve_call();
  AdminReply run_call() const noexcept;
  AdminReply call_administration() const;
  void respond(const AdminReply& reply);
  void respond(net::Code code, std::string_view detail);
  void respond(Answer answer);
  void sent(Error error);
  void drain();
  void log_call(int status) const;
  template <class Handler>
  auto bound(Handler handler);  // keeps the session alive until the handler has run

  Shared& shared_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  net::http::HeadScan scan_;
  std::optional<Parser> parser_;
  boost::beast::http::response<boost::beast::http::string_body> response_;
  boost::beast::http::response<boost::beast::http::empty_body> continue_;
  std::list<Session*>* among_;  // shared_.awaiting_peer or awaiting_call
  std::list<Session*>::iterator place_;
  Head head_;
  Call call_;
  std::string request_id_;
  int64_t started_ms_ = 0;      // monotonic; the head was read
  bool message_whole_ = false;  // understood and read to its end: only then the connection can go on
  std::size_t drained_bytes_ = 0;
  std::array<char, 8192> waste_;
};

}  // namespace app::operations
