#include "net/server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/assert.hpp"
#include "net/wire/http_text.hpp"

namespace net {

namespace {

constexpr int64_t accept_pause_ms = 100;
constexpr int64_t retry_ms = 10;
constexpr int notsent_bytes_max = 128 * 1024;  // in a socket, behind what is on its way
constexpr int backlog = 65'535;                // the opening of a sale is one burst; the kernel cuts it to somaxconn

constexpr std::string_view shed_answer =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 2\r\n"
    "Content-Length: 134\r\nConnection: close\r\n\r\n"
    "{\"type\":\"urn:onsale:problem:overloaded\",\"title\":\"The server is busy\",\"status\":503,"
    "\"detail\":\"too many connections\",\"code\":\"overloaded\"}";

Code code_of(http::Refusal refusal) {
  switch (refusal) {
    case http::Refusal::headers_too_large:
      return Code::headers_too_large;
    case http::Refusal::body_too_large:
      return Code::body_too_large;
    case http::Refusal::not_implemented:
      return Code::not_implemented;
    case http::Refusal::none:
    case http::Refusal::malformed:
      break;
  }
  return Code::bad_request;
}

bool valid_request_id(std::string_view id) {
  auto allowed = [](char c) {
    auto letter = static_cast<char>(c | 0x20);
    return (c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z') || c == '-' || c == '_' || c == '.';
  };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), allowed);
}

// A body without a type is taken for JSON; one that says it is something else is refused.
bool media_type_is_json(const http::Request& request) {
  if (request.body().empty()) return true;
  auto type = request.header("content-type");
  if (type.empty()) return true;
  return http::equal_ignoring_case(http::trim(type.substr(0, type.find(';'))), "application/json");
}

// The twelve lowest hex digits.
void put_hex(uint64_t number, char* out) {
  for (auto at = 12; at > 0; --at, number >>= 4) out[at - 1] = "0123456789abcdef"[number & 15];
}

uint16_t port_of(const sockaddr_storage& address) {
  auto v4 = address.ss_family == AF_INET;
  return ntohs(v4 ? reinterpret_cast<const sockaddr_in&>(address).sin_port
                  : reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
}

std::string failure(const char* call, const ServerSettings& settings) {
  auto error = errno;
  return std::string{call} + " " + settings.address + ":" + std::to_string(settings.port) + ": " + std::strerror(error);
}

// False with errno; asks again for up to wait_ms while the address is in use.
bool bind_within(int fd, const sockaddr_storage& address, socklen_t size, int wait_ms) {
  constexpr auto pause = std::chrono::milliseconds{20};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{wait_ms};
  while (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    if (errno != EADDRINUSE || std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

}  // namespace

Server::Server(Loop& loop, ServerSettings settings, const Router& router)
    : loop_{loop},
      settings_{std::move(settings)},
      router_{router},
      recv_ring_{loop, {settings_.receive_buffers, settings_.receive_buffer_bytes, settings_.receive_group}},
      buffers_{settings_.buffer_bytes_max},
      connections_{settings_.connections_max},
      exchanges_{settings_.exchanges_max} {
  put_hex(random_.next_u64(), request_id_.data());
}

// ---- accepting

core::Status Server::open_listener() {
  auto address = IpAddress::parse(settings_.address);
  if (!address) return {"\"" + settings_.address + "\" is not an address to listen on"};
  sockaddr_storage bound{};
  auto size = address->write(settings_.port, bound);
  listener_ = ::socket(bound.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return {failure("socket", settings_)};
  int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // Inherited by what it accepts. USER_TIMEOUT: a reader that stalls while all its bytes fit the socket's own buffer,
  // and what is unsent when we close. NOTSENT_LOWAT: a slow reader's answer waits in our buffers, which are counted,
  // and each time it has read something the kernel asks for more.
  auto stall_ms = static_cast<unsigned>(settings_.send_stall_ms_max);
  ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(listener_, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
  ::setsockopt(listener_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent_bytes_max, sizeof notsent_bytes_max);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&bound), size) < 0) return {failure("bind", settings_)};
  if (::listen(listener_, backlog) < 0) return {failure("listen", settings_)};
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = port_of(bound);
  return {};
}

core::Status Server::check_port(const ServerSettings& settings, int wait_ms) {
  const auto address = IpAddress::parse(settings.address);
  if (!address) return {"\"" + settings.address + "\" is not an address to listen on"};
  sockaddr_storage bound{};
  const auto size = address->write(settings.port, bound);
  const int probe = ::socket(bound.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return {failure("socket", settings)};
  const int on = 1;
  ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool free = bind_within(probe, bound, size, wait_ms);
  auto status = free ? core::Status{} : core::Status{failure("bind", settings)};
  ::close(probe);
  return status;
}

core::Status Server::listen() {
  ONSALE_ASSERT(listener_ < 0);
  if (auto room = loop_.open_descriptors(settings_.connections_max); !room) return room;
  if (auto ring = recv_ring_.open(); !ring) return ring;
  if (auto listener = open_listener(); !listener) {
    if (listener_ >= 0) ::close(std::exchange(listener_, -1));
    return listener;
  }
  arm_accept();
  return {};
}

void Server::arm_accept() {
  io_uring_prep_multishot_accept(&loop_.arm(accept_), listener_, nullptr, nullptr, SOCK_CLOEXEC);
}

void Server::accept_done(Event event) noexcept {
  if (event.result >= 0) welcome(event.result);
  if (!event.more()) accept_ended(event.result);
}

void Server::accept_ended(int32_t result) {
  if (draining_) {
    ::close(std::exchange(listener_, -1));
  } else if (result >= 0 || result == -ECONNABORTED || result == -EINTR) {
    arm_accept();
  } else {  // out of descriptors or memory: the backlog waits, and closing connections will free some
    metrics_.shed.add();
    loop_.start(accept_timer_, accept_pause_ms);
  }
}

void Server::accept_again() noexcept {
  if (!draining_ && !accept_.armed()) arm_accept();
}

void Server::welcome(int fd) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  auto gone = ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0;
  if (gone || draining_) {
    ::close(fd);
    return;
  }
  auto* connection = connections_.take(*this, fd, IpAddress::from(reinterpret_cast<sockaddr&>(address)));
  if (connection == nullptr) return shed(fd);
  metrics_.accepted.add();
  metrics_.connections.set(connections_.used());
  connection->start(connections_.handle(*connection).index);
}

void Server::shed(int fd) {
  metrics_.shed.add();
  static_cast<void>(::send(fd, shed_answer.data(), shed_answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  ::close(fd);
}

// ---- requests

void Server::dispatch(Connection& connection, http::Request& request) {
  metrics_.requests.add();
  auto match = router_.match(request);
  if (match.outcome != Router::Outcome::found) return refuse_route(connection, request, match.outcome);
  if (!media_type_is_json(request)) {
    return refuse(connection, request, Code::unsupported_media_type, "Content-Type must be application/json");
  }
  auto* exchange = exchanges_.take(*this, connection, request);
  if (exchange == nullptr) {
    metrics_.exchange_refusals.add();
    return refuse(connection, request, Code::overloaded, "too many requests in flight");
  }
  metrics_.exchanges.set(exchanges_.used());
  connection.begin(*exchange);
  start(*match.route, *exchange);
}

void Server::start(const Route& route, Exchange& exchange) {
  auto handler = route.handle(route.service, exchange);
  if (!handler.started() && !exchange.responded_) {
    metrics_.frame_refusals.add();
    problem(exchange, Code::overloaded, "the request needs more room than there is");
  }
  exchange.request_ = nullptr;  // from here on an answer gives the exchange back by itself
  check_unanswered(exchange);
}

// A handler whose coroutine has ended without an answer would leave its client waiting for ever.
void Server::check_unanswered(Exchange& exchange) {
  if (!exchange.responded_) {
    if (exchange.running) return;
    metrics_.unanswered.add();
    return problem(exchange, Code::backend_unavailable, "the request was not answered");
  }
  retire(exchange);
}

void Server::answered(Exchange& exchange, http::ResponseHead& head, std::string_view body) {
  if (exchange.connection_ != nullptr) send(*exchange.connection_, head, body);
  exchange.connection_ = nullptr;
  if (exchange.request_ == nullptr) retire(exchange);  // else start() does, when the handler has returned
}

void Server::send(Connection& connection, http::ResponseHead& head, std::string_view body) {
  head.date = date_.at(loop_.wall_ms());
  metrics_.responses[static_cast<std::size_t>(head.status) / 100 - 1].add();
  connection.answer(head, body);
}

// The frame still runs when its last statement is respond(): then the slot is given back at the end of the turn.
void Server::retire(Exchange& exchange) {
  if (exchange.running) {
    exchange.next_ = std::exchange(answered_list_, &exchange);
    return wake();
  }
  exchanges_.give_back(exchange);
  metrics_.exchanges.set(exchanges_.used());
}

void Server::retire_answered() {
  auto* list = std::exchange(answered_list_, nullptr);
  while (list != nullptr) {
    auto& exchange = *std::exchange(list, list->next_);
    if (exchange.running) {  // it awaits something after its answer
      exchange.next_ = std::exchange(answered_list_, &exchange);
    } else {
      retire(exchange);
    }
  }
  if (answered_list_ != nullptr) loop_.start(retry_timer_, retry_ms);
}

void Server::refuse_route(Connection& connection, const http::Request& request, Router::Outcome outcome) {
  if (outcome == Router::Outcome::not_found) {
    return refuse(connection, request, Code::not_found, "no such path");
  }
  auto& allow = scratch();
  allow.append("Allow: ");
  router_.write_allowed(request, allow);
  allow.append("\r\n");
  refuse(connection, request, Code::method_not_allowed, "see Allow", allow.view());
}

void Server::refuse(Connection& connection, const http::Request& request, Code code, std::string_view detail,
                    std::string_view more_headers) {
  auto document = problem_document(code, detail, {}, more_headers);
  http::ResponseHead head;
  head.status = entry(code).status;
  head.content_type = problem_content_type;
  head.request_id = request_id(request);
  head.more_headers = document.more_headers;
  head.close = !request.keep_alive();
  head.head_only = request.method() == "HEAD";
  send(connection, head, document.body);
}

// What cannot be understood ends the connection: nobody knows where the next request begins.
void Server::refuse(Connection& connection, const http::RequestReader& reader) {
  metrics_.refused_requests.add();
  connection.lingers_ = true;
  auto code = code_of(reader.refusal());
  auto document = problem_document(code, reader.detail(), {}, {});
  http::ResponseHead head;
  head.status = entry(code).status;
  head.content_type = problem_content_type;
  head.request_id = new_request_id();
  head.more_headers = document.more_headers;
  head.close = true;
  send(connection, head, document.body);
}

void Server::continues(Connection& connection) {
  metrics_.responses[0].add();
  connection.write(http::continue_line);
}

Server::Document Server::problem_document(Code code, std::string_view detail, std::string_view more_members,
                                          std::string_view more_headers) {
  problem_body_.clear();
  write_problem(problem_body_, code, detail, more_members);
  problem_headers_.clear();
  problem_headers_.append(more_headers);
  auto status = entry(code).status;
  if (status == Status::too_many_requests || status == Status::unavailable) {
    problem_headers_.append("Retry-After: ");
    problem_headers_.push_back(static_cast<char>('1' + random_.below(3)));
    problem_headers_.append("\r\n");
  } else if (status == Status::unauthorized) {
    problem_headers_.append("WWW-Authenticate: Bearer\r\n");  // RFC 9110, 15.5.2: a 401 says how to do better
  }
  return {problem_body_.view(), problem_headers_.view()};
}

core::TextBuffer& Server::scratch() {
  scratch_.clear();
  return scratch_;
}

std::string_view Server::request_id(const http::Request& request) {
  auto own = request.header("x-request-id");
  return valid_request_id(own) ? own : new_request_id();
}

// Twelve random digits for this core and its start, twelve that count.
std::string_view Server::new_request_id() {
  put_hex(++request_number_, request_id_.data() + 12);
  return {request_id_.data(), request_id_.size()};
}

// ---- the end of a turn

void Server::end_turn(Connection& connection) {
  if (std::exchange(connection.in_turn_list_, true)) return;
  connection.next_turn_ = std::exchange(turn_list_, &connection);
  wake();
}

void Server::park(Connection& connection) {
  metrics_.starved.add();
  connection.next_starved_ = std::exchange(starved_list_, &connection);
  wake();
}

void Server::end_of_turn() noexcept {
  retire_answered();
  unpark();
  auto* list = std::exchange(turn_list_, nullptr);
  while (list != nullptr) {
    auto& connection = *std::exchange(list, list->next_turn_);
    connection.end_of_turn();
    if (connection.state() != Connection::State::closed) continue;
    connections_.give_back(connection);
    metrics_.connections.set(connections_.used());
  }
}

// Re-arming while the ring is nearly empty would fail at once and spin.
void Server::unpark() {
  if (starved_list_ == nullptr) return;
  if (!recv_ring_.half_free()) return loop_.start(retry_timer_, retry_ms);
  auto* list = std::exchange(starved_list_, nullptr);
  while (list != nullptr) {
    auto& connection = *std::exchange(list, list->next_starved_);
    connection.buffers_are_back();
    end_turn(connection);
  }
}

// ---- the end

void Server::drain() {
  if (std::exchange(draining_, true)) return;
  accept_timer_.stop();
  if (accept_.armed()) {
    loop_.cancel(accept_);
  } else if (listener_ >= 0) {
    ::close(std::exchange(listener_, -1));
  }
  connections_.for_each([](Connection& connection) { connection.drain(); });
}

bool Server::drained() const {
  return draining_ && !accept_.armed() && connections_.used() == 0 && exchanges_.used() == 0;
}

void Server::close() {
  drain();
  connections_.for_each([](Connection& connection) { connection.terminate(); });
  while (accept_.armed() || connections_.used() > 0 || answered_list_ != nullptr) loop_.turn(retry_ms);
}

}  // namespace net
