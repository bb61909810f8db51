// The status codes this server answers with. Thread: any.
#pragma once
#include <cstdint>
#include <string_view>

namespace net {

enum class Status : uint16_t {
  ok = 200,
  created = 201,
  accepted = 202,
  no_content = 204,
  found = 302,
  not_modified = 304,
  bad_request = 400,
  unauthorized = 401,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  conflict = 409,
  payload_too_large = 413,
  unsupported_media_type = 415,
  unprocessable = 422,
  too_many_requests = 429,
  headers_too_large = 431,
  not_implemented = 501,
  unavailable = 503,
};

// "200 OK", "409 Conflict"
std::string_view status_line(Status status);

// RFC 9110: these answers have no body and no Content-Length.
constexpr bool bodiless(Status status) { return status == Status::no_content || status == Status::not_modified; }

}  // namespace net
