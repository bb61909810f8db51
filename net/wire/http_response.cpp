#include "net/wire/http_response.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <ctime>

#include "core/assert.hpp"

namespace net::http {

namespace {

constexpr std::string_view version = "HTTP/1.1 ", content_type = "Content-Type: ", content_length = "Content-Length: ",
                           request_id = "X-Request-Id: ", connection_close = "Connection: close\r\n", crlf = "\r\n";
constexpr std::size_t digits_max = 20;

char* put(char* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_field(char* out, std::string_view name, std::string_view value) {
  return put(put(put(out, name), value), crlf);
}

}  // namespace

std::size_t response_bytes_max(const ResponseHead& head, std::string_view body) {
  return version.size() + status_line(head.status).size() + head.date.size() + content_type.size() +
         head.content_type.size() + content_length.size() + digits_max + request_id.size() + head.request_id.size() +
         head.more_headers.size() + connection_close.size() + 5 * crlf.size() + body.size();
}

char* render(const ResponseHead& head, std::string_view body, char* out) {
  out = put_field(out, version, status_line(head.status));
  out = put(out, head.date);
  if (!bodiless(head.status)) {
    if (!head.content_type.empty()) out = put_field(out, content_type, head.content_type);
    out = put(out, content_length);
    out = std::to_chars(out, out + digits_max, body.size()).ptr;
    out = put(out, crlf);
  }
  if (!head.request_id.empty()) out = put_field(out, request_id, head.request_id);
  out = put(out, head.more_headers);
  if (head.close) out = put(out, connection_close);
  out = put(out, crlf);
  return bodiless(head.status) || head.head_only ? out : put(out, body);
}

std::string_view DateField::at(int64_t wall_ms) {
  auto second = wall_ms / 1000;
  if (second == second_) return {text_, bytes};
  second_ = second;
  constexpr const char* days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  auto instant = static_cast<std::time_t>(second);
  ::gmtime_r(&instant, &parts);
  auto end = fmt::format_to_n(text_, bytes, "Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n",
                              days[second / 86400 % 7], parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900,
                              parts.tm_hour, parts.tm_min, parts.tm_sec);
  ONSALE_ASSERT(end.size == bytes);
  return {text_, bytes};
}

}  // namespace net::http
