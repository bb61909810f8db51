#include "perf/crowd/http_client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/beast/core/error.hpp>
#include <boost/beast/http.hpp>
#include <charconv>

namespace crowd {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

http::verb verb(Method method) {
  switch (method) {
    case Method::get:
      return http::verb::get;
    case Method::put:
      return http::verb::put;
    case Method::post:
      return http::verb::post;
    case Method::del:
      return http::verb::delete_;
  }
  return http::verb::get;
}

http::request<http::string_body> render(const Request& request, const Endpoint& endpoint) {
  http::request<http::string_body> message{verb(request.method), request.target, 11};
  message.set(http::field::host, endpoint.authority);
  if (!request.bearer.empty()) message.set(http::field::authorization, "Bearer " + request.bearer);
  if (!request.cookie.empty()) message.set(http::field::cookie, request.cookie);
  if (!request.user.empty()) message.set(request.identity_header, request.user);
  if (!request.idempotency_key.empty()) message.set("Idempotency-Key", request.idempotency_key);
  if (!request.body.empty()) message.set(http::field::content_type, "application/json");
  message.body() = request.body;
  if (request.method != Method::get && request.method != Method::del) message.prepare_payload();
  return message;
}

const char* trouble(const error_code& error, bool was_open) {
  if (error == beast::error::timeout) return "timeout";
  if (error == asio::error::no_descriptors) return "no_descriptors_here";  // our own limit, not the server's
  return was_open ? "connection_closed" : "connect_failed";
}

bool may_repeat(Method method) { return method == Method::get || method == Method::del; }

}  // namespace

core::Checked<Endpoint> resolve(const std::string& url) {
  using Resolved = core::Checked<Endpoint>;
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return Resolved::failed("not an http:// address: " + url);
  std::string authority = url.substr(scheme.size());
  while (authority.ends_with('/')) authority.pop_back();
  auto colon = authority.rfind(':');
  std::string host = authority.substr(0, colon);
  std::string port = colon == authority.npos ? "80" : authority.substr(colon + 1);
  asio::io_context context;
  tcp::resolver resolver{context};
  error_code error;
  auto found = resolver.resolve(host, port, error);
  if (error || found.empty()) return Resolved::failed("cannot resolve " + url + ": " + error.message());
  return Endpoint{authority, found.begin()->endpoint()};
}

std::optional<asio::ip::address> source_address(const Endpoint& endpoint, uint32_t number) {
  constexpr uint32_t addresses = 64;
  const auto target = endpoint.address.address();
  if (!target.is_v4() || !target.is_loopback()) return {};
  return asio::ip::address_v4{asio::ip::address_v4::loopback().to_uint() + 1 + number % addresses};
}

Connection::Connection(asio::io_context& context, const Endpoint& endpoint, std::optional<asio::ip::address> source)
    : endpoint_{endpoint}, source_{source}, stream_{context} {}

void Connection::close() {
  stream_.close();
  received_.clear();
  open_ = false;
}

Task<error_code> Connection::open() {
  error_code error;
  close();
  if (source_) error = bind_source();
  if (error) co_return error;
  co_await stream_.async_connect(endpoint_.address, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return error;
  open_ = true;
  error_code ignored;  // a slower connection is still a connection
  stream_.socket().set_option(tcp::no_delay{true}, ignored);
  co_return error;
}

// The port is left to connect(), which may share one among connections to different places.
error_code Connection::bind_source() {
  error_code error;
  auto& socket = stream_.socket();
  socket.open(tcp::v4(), error);
  const int on = 1;
  if (!error) setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (!error) socket.bind({*source_, 0}, error);
  return error;
}

Task<error_code> Connection::write(const Request& request) {
  error_code error;
  if (!open_) error = co_await open();
  if (error) co_return error;
  auto message = render(request, endpoint_);
  co_await http::async_write(stream_, message, asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

Task<error_code> Connection::read(Answer& answer) {
  error_code error;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64 * 1024 * 1024);  // the map of the largest hall
  co_await http::async_read(stream_, received_, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return error;
  auto& message = parser.get();
  answer.status = static_cast<int>(message.result_int());
  answer.replayed = message["Idempotency-Replayed"] == "true";
  const auto retry_after = message[http::field::retry_after];
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), answer.retry_after_s);
  answer.body = std::move(message.body());
  if (!message.keep_alive()) close();
  co_return error;
}

Task<error_code> Connection::exchange(const Request& request, Answer& answer) {
  auto error = co_await write(request);
  if (!error) error = co_await read(answer);
  co_return error;
}

Task<Answer> Connection::ask(const Request& request) {
  Answer answer;
  auto start = Clock::now();
  bool kept = open_;
  stream_.expires_after(deadline);
  auto error = co_await exchange(request, answer);
  if (error && kept && may_repeat(request.method) && error != beast::error::timeout) {
    close();
    error = co_await exchange(request, answer);
  }
  if (error) {
    answer.status = 0;
    answer.trouble = trouble(error, open_);
    close();
  }
  stream_.expires_never();
  answer.took_us =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
  co_return answer;
}

Task<bool> Connection::send_and_drop(const Request& request) {
  stream_.expires_after(deadline);
  auto error = co_await write(request);
  close();
  co_return !error;
}

}  // namespace crowd
