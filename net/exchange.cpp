#include "net/exchange.hpp"

#include <cstring>

#include "core/assert.hpp"
#include "net/connection.hpp"
#include "net/server.hpp"
#include "net/wire/http_text.hpp"

namespace net {

Exchange::Exchange(Server& server, Connection& connection, http::Request& request)
    : server_{server},
      connection_{&connection},
      request_{&request},
      peer_{connection.peer()},
      keep_alive_{request.keep_alive()},
      head_only_{request.method() == "HEAD"} {
  set_request_id(server.request_id(request));
}

void Exchange::set_request_id(std::string_view id) {
  ONSALE_ASSERT(id.size() <= request_id_.size());
  std::memcpy(request_id_.data(), id.data(), id.size());
  request_id_bytes_ = static_cast<uint8_t>(id.size());
}

http::Request& Exchange::request() const {
  ONSALE_ASSERT(request_ != nullptr);  // a view of the request after the handler suspended
  return *request_;
}

std::string_view Exchange::bearer() const {
  constexpr std::string_view scheme = "Bearer ";
  auto value = header("authorization");
  if (!http::equal_ignoring_case(value.substr(0, scheme.size()), scheme)) return {};
  return http::trim(value.substr(scheme.size()));
}

Loop& Exchange::loop() const { return server_.loop(); }

core::TextBuffer& Exchange::scratch() const { return server_.scratch(); }

void Exchange::respond(Status status, std::string_view body, std::string_view content_type,
                       std::string_view more_headers) {
  ONSALE_ASSERT(!responded_);
  ONSALE_ASSERT(more_headers.empty() || more_headers.ends_with("\r\n"));
  responded_ = true;
  http::ResponseHead head;
  head.status = status;
  head.content_type = content_type;
  head.request_id = request_id();
  head.more_headers = more_headers;
  head.close = !keep_alive_;
  head.head_only = head_only_;
  server_.answered(*this, head, body);
}

}  // namespace net
