// One HTTP request in flight: what a handler reads from and answers to. It is also the room of the handler's coroutine
// frame, so a request costs no allocation.
//
// Views (method, path, parameters, query, headers, cookies, body) point into the receive buffer: they are legal until
// the handler first suspends, which is asserted. What is needed later is copied into values before.
// A handler answers exactly once; when the peer has gone meanwhile, respond() does nothing.
// A handler is a coroutine, or a plain function that answers before it returns core::Async::finished().
// Ownership: lives in the server's slab; given back once it is answered and the coroutine has ended.
// Thread: the loop's.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/async.hpp"
#include "core/text_buffer.hpp"
#include "net/address.hpp"
#include "net/wire/http_request.hpp"
#include "net/wire/http_status.hpp"

namespace net {

class Connection;
class Loop;
class Server;

struct Exchange : core::FrameRoom {
 public:
  Exchange(Server& server, Connection& connection, http::Request& request);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::string_view method() const { return request().method(); }
  std::string_view path() const { return request().path(); }
  std::string_view param(uint32_t at) const { return request().parameter(at); }  // "{event}" is param(0); decoded
  std::optional<std::string_view> query(std::string_view name) const { return request().query(name); }
  std::string_view header(std::string_view name) const { return request().header(name); }  // the first of this name
  uint32_t header_count(std::string_view name) const { return request().header_count(name); }
  std::optional<std::string_view> cookie(std::string_view name) const { return request().cookie(name); }
  std::string_view bearer() const;  // of "Authorization: Bearer ..."; empty when there is none
  // At least 64 bytes behind the body may be read, as simdjson wants.
  std::string_view body() const { return request().body(); }

  const IpAddress& peer() const { return peer_; }
  std::string_view request_id() const { return {request_id_.data(), request_id_bytes_}; }
  Loop& loop() const;
  Server& server() const { return server_; }
  // For rendering a body: one per core, cleared at each call, so fill it and respond without suspending in between.
  core::TextBuffer& scratch() const;

  // `more_headers`: whole fields, each with its CRLF. The views may die when respond returns.
  void respond(Status status, std::string_view body, std::string_view content_type = "application/json",
               std::string_view more_headers = {});
  bool responded() const { return responded_; }

 private:
  friend class Server;
  static constexpr std::size_t request_id_bytes_max = 64;
  http::Request& request() const;
  void set_request_id(std::string_view id);

  Server& server_;
  Connection* connection_;    // null once the peer has gone
  http::Request* request_;    // null once the handler has suspended or returned
  Exchange* next_ = nullptr;  // in the server's list of answered exchanges whose coroutine has not ended
  IpAddress peer_;
  bool responded_ = false;
  bool keep_alive_;
  bool head_only_;
  uint8_t request_id_bytes_ = 0;
  std::array<char, request_id_bytes_max> request_id_;
};

}  // namespace net
