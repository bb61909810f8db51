// Finds the end of a request's head (request line and header fields) and refuses, at the first byte that shows it,
// what two HTTP parsers could read differently: a bare CR or LF, a folded line, a control byte, a head over the limit.
//
//   [CRLF] request-line CRLF  field CRLF  field CRLF  CRLF
//          ^ begin                                       ^ head_bytes
//
// The same bytes give the same outcome however they are cut: every limit is checked at an exact byte.
// Ownership: value; remembers how far it has looked, not where the bytes lie. Thread: any.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace net::http {

// Why a request cannot be served. Each closes the connection: where the next request begins is not known for sure.
enum class Refusal : uint8_t { none, malformed, headers_too_large, body_too_large, not_implemented };

class HeadScan {
 public:
  enum class Progress : uint8_t { more, complete, refused };

  // `bytes`: from the first byte of the message to all there is; they may have moved since the last call.
  Progress scan(std::string_view bytes);

  std::size_t begin() const { return begin_; }         // of the request line; one empty line before it is skipped
  std::size_t head_bytes() const { return scanned_; }  // once complete: from the first byte to behind the empty line
  std::size_t request_line_bytes() const { return headers_begin_ - 2 - begin_; }  // once it has ended
  uint32_t fields() const { return fields_; }
  Refusal refusal() const { return refusal_; }
  const char* detail() const { return detail_; }  // a literal; null unless refused

 private:
  Progress step(unsigned char byte);
  Progress line_ended();
  Progress carriage_return();
  std::size_t plain_bytes_max() const;
  Progress too_large();
  Progress refuse(Refusal refusal, const char* detail);
  std::size_t line_bytes() const { return scanned_ - line_begin_; }

  const char* detail_ = nullptr;
  uint32_t scanned_ = 0;
  uint32_t begin_ = 0;
  uint32_t line_begin_ = 0;
  uint32_t headers_begin_ = 0;  // 0 until the request line has ended
  uint16_t fields_ = 0;
  bool after_cr_ = false;
  Refusal refusal_ = Refusal::none;
};

}  // namespace net::http
