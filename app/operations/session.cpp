#include "app/operations/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <ctime>
#include <exception>
#include <utility>

#include "core/encoding.hpp"
#include "core/event.hpp"
#include "core/text_buffer.hpp"
#include "core/time.hpp"
#include "net/wire/http_text.hpp"

namespace app::operations {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::string_view json_type = "application/json";
constexpr std::string_view text_type = "text/plain; charset=utf-8";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

constexpr std::size_t head_read_bytes = 4096;  // at a time; most heads are smaller
constexpr std::size_t drain_bytes_max = 8 * 1024 * 1024;
constexpr std::chrono::seconds drain_time_max{2};

beast::string_view beast_view(std::string_view text) { return {text.data(), text.size()}; }

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(int64_t now_ms) {
  const auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

// The token of "Bearer <token>", empty for anything else.
std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (!net::http::equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return {};
  return net::http::trim(authorization.substr(scheme.size()));
}

// As on the public listener: absent will do, parameters are ignored.
bool is_json(std::string_view content_type) {
  const auto type = net::http::trim(content_type.substr(0, content_type.find(';')));
  return type.empty() || net::http::equal_ignoring_case(type, "application/json");
}

std::string problem_body(net::Code code, std::string_view detail) {
  core::TextBuffer out;
  net::write_problem(out, code, detail);
  return std::string{out.view()};
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, Shared& shared)
    : shared_{shared},
      stream_{std::move(socket)},
      buffer_{64 * 1024},
      among_{&shared.awaiting_peer},
      place_{among_->insert(among_->end(), this)} {}

Session::~Session() { among_->erase(place_); }

void Session::line_up(std::list<Session*>& among) {
  among.splice(among.end(), *among_, place_);
  among_ = &among;
}

void Session::close() {
  line_up(shared_.awaiting_peer);  // behind those that can still make room
  stream_.close();
}

template <class Handler>
auto Session::bound(Handler handler) {
  return [self = shared_from_this(), handler](Error error, std::size_t) { ((*self).*handler)(error); };
}

// ---------------------------------------------------------------- reading

void Session::await_peer() {
  line_up(shared_.awaiting_peer);
  stream_.expires_after(std::chrono::milliseconds{shared_.settings.io_ms_max});
}

void Session::read_head() {
  scan_ = {};
  parser_.emplace();
  // The scan has counted already, and exactly.
  parser_->header_limit(core::limits::request_line_bytes_max + core::limits::headers_bytes_max + 4);
  parser_->body_limit(shared_.settings.body_bytes_max);
  response_ = {};
  head_ = {};
  call_ = {};
  message_whole_ = false;
  await_peer();
  scan_head();
}

// Beast forgives what two readers could understand differently; the scan does not.
void Session::scan_head() {
  using Progress = net::http::HeadScan::Progress;
  const auto bytes = buffer_.cdata();
  const auto progress = scan_.scan({static_cast<const char*>(bytes.data()), bytes.size()});
  if (progress == Progress::more) return read_more();
  started_ms_ = core::monotonic_ms();
  request_id_ = shared_.ids.next(core::wall_ms()).string();
  if (progress == Progress::complete) return head_done(parse_head());
  const bool large = scan_.refusal() == net::http::Refusal::headers_too_large;
  respond(large ? net::Code::headers_too_large : net::Code::bad_request, scan_.detail());
}

void Session::read_more() {
  stream_.async_read_some(buffer_.prepare(head_read_bytes), [self = shared_from_this()](Error error, std::size_t size) {
    if (error) return;  // gone or too slow
    self->buffer_.commit(size);
    self->scan_head();
  });
}

Session::Error Session::parse_head() {
  buffer_.consume(scan_.begin());
  const auto size = scan_.head_bytes() - scan_.begin();
  Error error;
  const auto parsed = parser_->put(asio::buffer(buffer_.cdata(), size), error);
  buffer_.consume(size);
  if (!error && (parsed != size || !parser_->is_header_done())) error = http::error::bad_field;
  return error;
}

void Session::head_done(Error error) {
  if (error) return refuse_unread(error);
  const auto given = view(parser_->get()["X-Request-Id"]);
  if (core::valid_id(given)) request_id_ = given;
  if (!accept_head()) return;
  if (head_.expects_continue) return send_continue();
  read_body();
}

// What HTTP itself has against the request. A peer that is gone or too slow gets no answer.
void Session::refuse_unread(Error error) {
  if (error == http::error::body_limit) {
    const bool large = !parser_->is_header_done() || call_.action == Action::put_event;
    return refuse_body(large ? shared_.settings.body_bytes_max : core::limits::body_bytes_max);
  }
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
  if (gone || error.category() != Error{http::error::bad_method}.category()) return;
  respond(net::Code::bad_request, fmt::format("the request is no HTTP/1.1: {}", error.message()));
}

// False when the head alone decided; the answer is then on its way.
bool Session::accept_head() {
  const auto& request = parser_->get();
  head_ = head_of(request);
  if (head_.problem != nullptr) {
    respond(net::Code::bad_request, head_.problem);
    return false;
  }
  message_whole_ = !head_.has_body;
  if (is_admin(head_.target) && !authenticate()) return false;
  call_ = call_of(view(request.method_string()), head_.target);
  return accept_call();
}

// What the call says about the request; false when that was the answer.
bool Session::accept_call() {
  switch (call_.action) {
    case Action::not_found:
      respond(net::Code::not_found, "there is no such call");
      return false;
    case Action::later:
      respond(net::Code::not_implemented, "this version does not have this call yet");
      return false;
    case Action::bad_event:
      respond(net::Code::bad_request, "event must match [A-Za-z0-9._-]{1,64}");
      return false;
    case Action::wrong_method:
      respond({405, problem_body(net::Code::method_not_allowed, fmt::format("allowed: {}", call_.allow)),
               net::problem_content_type, call_.allow});
      return false;
    default:
      break;
  }
  if (!head_.has_body) return true;
  if (!is_json(view(parser_->get()[http::field::content_type]))) {
    respond(net::Code::unsupported_media_type, "Content-Type must be application/json");
    return false;
  }
  return call_.action == Action::put_event || accept_small_body();
}

// Only a hall may be large; also because the other calls include those that need no token.
bool Session::accept_small_body() {
  parser_->body_limit(core::limits::body_bytes_max);  // holds for chunks; a length was judged before
  if (head_.content_bytes <= core::limits::body_bytes_max) return true;
  refuse_body(core::limits::body_bytes_max);
  return false;
}

void Session::refuse_body(std::size_t bytes_max) {
  respond(net::Code::body_too_large, fmt::format("the body has more than {} bytes", bytes_max));
}

bool Session::authenticate() {
  const auto& request = parser_->get();
  const auto token = bearer(view(request[http::field::authorization]));
  if (token.empty()) {
    respond(net::Code::token_missing, "the admin token is needed: Authorization: Bearer");
  } else if (request.count(http::field::authorization) > 1 ||
             !core::equal_constant_time(token, shared_.settings.admin_token)) {
    respond(net::Code::token_invalid, "this is not the admin token");
  } else {
    return true;
  }
  return false;
}

void Session::send_continue() {
  continue_ = {http::status::continue_, 11};
  http::async_write(stream_, continue_, bound(&Session::continue_sent));
}

void Session::continue_sent(Error error) {
  if (!error) read_body();
}

void Session::read_body() {
  await_peer();
  http::async_read(stream_, buffer_, *parser_, bound(&Session::body_done));
}

void Session::body_done(Error error) {
  if (error) return refuse_unread(error);
  message_whole_ = true;
  serve();
}

// ---------------------------------------------------------------- answering

void Session::serve() {
  switch (call_.action) {
    case Action::livez:
      return respond({200, "live\n", text_type});
    case Action::readyz:
      return serve_readiness();
    case Action::metrics:
      return respond({200, shared_.metrics.render(), metrics_type});
    default:
      return serve_call();
  }
}

void Session::serve_readiness() {
  const auto checks = shared_.administration.checks();
  const bool ready = std::ranges::all_of(checks, &ReadinessCheck::ready);
  std::string lines = ready ? "ready\n" : "not ready\n";
  for (const auto& check : checks) {
    lines += fmt::format("{}: {}{}{}\n", check.name, check.ready ? "ok" : "failed", check.detail.empty() ? "" : ", ",
                         check.detail);
  }
  respond({ready ? 200 : 503, std::move(lines), text_type});
}

void Session::serve_call() {
  if (shared_.awaiting_call.size() >= shared_.settings.calls_waiting_max) {
    return respond(net::Code::overloaded, "too many admin calls wait already");
  }
  line_up(shared_.awaiting_call);
  // The session moves with its reply: its last owner must not be a call thread.
  asio::post(shared_.calls, [self = shared_from_this()]() mutable {
    auto& session = *self;
    asio::post(session.stream_.get_executor(),
               [self = std::move(self), reply = session.run_call()] { self->respond(reply); });
  });
}

// On a call thread. Nothing of the session changes meanwhile, so reading the call and the body needs no lock.
AdminReply Session::run_call() const noexcept {
  try {
    return call_administration();
  } catch (const std::exception& failure) {
    shared_.log.error("an admin call failed", {{"request_id", request_id_}, {"reason", failure.what()}});
    return AdminReply::problem(net::Code::backend_unavailable, "the call failed, see the log");
  }
}

AdminReply Session::call_administration() const {
  auto& administration = shared_.administration;
  switch (call_.action) {
    case Action::list_events:
      return administration.list_events();
    case Action::show_event:
      return administration.show_event(call_.event);
    case Action::put_event:
      return administration.put_event(call_.event, parser_->get().body());
    case Action::move_event:
      return administration.move_event(call_.event, call_.move);
    default:
      return AdminReply::problem(net::Code::not_found, "there is no such call");
  }
}

void Session::respond(const AdminReply& reply) {
  if (reply.code) return respond(*reply.code, reply.detail);
  respond({reply.status, reply.body, json_type});
}

void Session::respond(net::Code code, std::string_view detail) {
  respond({static_cast<int>(net::entry(code).status), problem_body(code, detail), net::problem_content_type});
}

void Session::respond(Answer answer) {
  const bool head_only = parser_->is_header_done() && parser_->get().method() == http::verb::head;
  response_.version(11);
  response_.result(static_cast<unsigned>(answer.status));
  response_.set(http::field::date, http_date(core::wall_ms()));
  response_.set("X-Request-Id", request_id_);
  response_.set(http::field::cache_control, "no-store");
  if (!answer.content_type.empty()) response_.set(http::field::content_type, beast_view(answer.content_type));
  if (!answer.allow.empty()) response_.set(http::field::allow, answer.allow);
  if (answer.status == 401) response_.set(http::field::www_authenticate, "Bearer");
  if (answer.status == 503) response_.set(http::field::retry_after, fmt::to_string(1 + shared_.random.below(3)));
  // HTTP/1.0 never stays: its proxies pass on a "keep-alive" that they do not understand (RFC 9112 C.2.2).
  response_.keep_alive(message_whole_ && parser_->get().version() == 11 && parser_->keep_alive());
  response_.content_length(answer.body.size());
  if (!head_only) response_.body() = std::move(answer.body);
  log_call(answer.status);
  await_peer();
  http::async_write(stream_, response_, bound(&Session::sent));
}

void Session::sent(Error error) {
  if (error) return;
  if (response_.keep_alive()) return read_head();
  Error ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  drain();
}

// Closing with unread bytes would reset the connection and could take the answer with it: read them for a moment.
void Session::drain() {
  if (drained_bytes_ > drain_bytes_max) return;
  if (drained_bytes_ == 0) stream_.expires_after(drain_time_max);
  stream_.async_read_some(asio::buffer(waste_), [self = shared_from_this()](Error error, std::size_t size) {
    if (error) return;
    self->drained_bytes_ += size;
    self->drain();
  });
}

void Session::log_call(int status) const {
  if (!is_admin(head_.target)) return;
  const auto& request = parser_->get();
  const auto level = request.method() == http::verb::get && status < 400 ? core::LogLevel::debug : core::LogLevel::info;
  shared_.log.write(level, "admin call",
                    {{"method", view(request.method_string())},
                     {"path", head_.target.substr(0, head_.target.find('?'))},
                     {"status", status},
                     {"duration_ms", core::monotonic_ms() - started_ms_},
                     {"request_id", request_id_}});
}

}  // namespace app::operations
