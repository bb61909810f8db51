#include "net/wire/http_status.hpp"

#include "core/assert.hpp"

namespace net {

std::string_view status_line(Status status) {
  switch (status) {
    case Status::ok:
      return "200 OK";
    case Status::created:
      return "201 Created";
    case Status::accepted:
      return "202 Accepted";
    case Status::no_content:
      return "204 No Content";
    case Status::found:
      return "302 Found";
    case Status::not_modified:
      return "304 Not Modified";
    case Status::bad_request:
      return "400 Bad Request";
    case Status::unauthorized:
      return "401 Unauthorized";
    case Status::forbidden:
      return "403 Forbidden";
    case Status::not_found:
      return "404 Not Found";
    case Status::method_not_allowed:
      return "405 Method Not Allowed";
    case Status::conflict:
      return "409 Conflict";
    case Status::payload_too_large:
      return "413 Content Too Large";
    case Status::unsupported_media_type:
      return "415 Unsupported Media Type";
    case Status::unprocessable:
      return "422 Unprocessable Content";
    case Status::too_many_requests:
      return "429 Too Many Requests";
    case Status::headers_too_large:
      return "431 Request Header Fields Too Large";
    case Status::not_implemented:
      return "501 Not Implemented";
    case Status::unavailable:
      return "503 Service Unavailable";
  }
  ONSALE_ASSERT(false);
}

}  // namespace net
