// An answer as bytes: measured first, then written without checks.
// Thread: any; owns nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/wire/http_status.hpp"

namespace net::http {

struct ResponseHead {
  Status status = Status::ok;
  std::string_view date;          // a whole field with its CRLF, from DateField
  std::string_view content_type;  // empty: no such field
  std::string_view request_id;
  std::string_view more_headers;  // whole fields, each with its CRLF
  bool close = false;             // says "Connection: close"
  bool head_only = false;         // answer to HEAD: the length of the body, but no body
};

// At least as many bytes as render() writes, at most 24 more.
std::size_t response_bytes_max(const ResponseHead& head, std::string_view body);
// Writes to `out`, which has room for response_bytes_max(); returns the end of what was written.
char* render(const ResponseHead& head, std::string_view body, char* out);

inline constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

// "Date: Fri, 20 Nov 2026 07:20:00 GMT\r\n", written again when the second changes. One a core.
class DateField {
 public:
  static constexpr std::size_t bytes = 37;
  std::string_view at(int64_t wall_ms);

 private:
  int64_t second_ = -1;
  char text_[bytes] = {};
};

}  // namespace net::http
