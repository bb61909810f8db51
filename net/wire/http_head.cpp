#include "net/wire/http_head.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/limits.hpp"

namespace net::http {

namespace {

constexpr bool is_control(unsigned char byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7f; }

// The number of leading bytes that are no control byte at all (tabs count as one here; step() lets them pass).
// Eight at a time: a head is some hundred bytes and this is the only loop over all of them besides the parser.
std::size_t plain_prefix(std::string_view bytes) {
  constexpr uint64_t ones = 0x0101'0101'0101'0101, tops = 0x8080'8080'8080'8080;
  static_assert(std::endian::native == std::endian::little);
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    auto below_space = (word - ones * 0x20) & ~word & tops;  // exact for the lowest such byte
    auto delete_mask = word ^ (ones * 0x7f);
    auto is_delete = (delete_mask - ones) & ~delete_mask & tops;
    if (auto special = below_space | is_delete; special != 0) {
      return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    }
  }
  while (at < bytes.size() && !is_control(static_cast<unsigned char>(bytes[at])) && bytes[at] != '\t') ++at;
  return at;
}

}  // namespace

HeadScan::Progress HeadScan::refuse(Refusal refusal, const char* detail) {
  refusal_ = refusal;
  detail_ = detail;
  return Progress::refused;
}

HeadScan::Progress HeadScan::scan(std::string_view bytes) {
  while (scanned_ < bytes.size()) {
    if (!after_cr_ && scanned_ > line_begin_) {
      auto room = std::min(bytes.size() - scanned_, plain_bytes_max());
      scanned_ += static_cast<uint32_t>(plain_prefix(bytes.substr(scanned_, room)));
      if (scanned_ == bytes.size()) break;
    }
    auto progress = step(static_cast<unsigned char>(bytes[scanned_]));
    if (progress != Progress::more) return progress;
  }
  return Progress::more;
}

// How many more bytes of this line may be skipped over without checking a limit.
std::size_t HeadScan::plain_bytes_max() const {
  auto in_headers = headers_begin_ != 0;
  auto limit = in_headers ? core::limits::headers_bytes_max : core::limits::request_line_bytes_max;
  auto used = in_headers ? scanned_ - headers_begin_ : line_bytes();
  return limit - std::min<std::size_t>(used, limit);
}

HeadScan::Progress HeadScan::too_large() {
  if (headers_begin_ == 0) return refuse(Refusal::malformed, "the request line is longer than 2048 bytes");
  return refuse(Refusal::headers_too_large, "the header fields are longer than 8192 bytes");
}

HeadScan::Progress HeadScan::step(unsigned char byte) {
  if (after_cr_) {
    if (byte != '\n') return refuse(Refusal::malformed, "a carriage return stands alone");
    return line_ended();
  }
  if (byte == '\r') return carriage_return();
  if (byte == '\n') return refuse(Refusal::malformed, "a line ends without a carriage return");
  if (is_control(byte)) return refuse(Refusal::malformed, "a control byte in the request line or a header field");
  if (plain_bytes_max() == 0) return too_large();
  if (line_bytes() == 0 && (byte == ' ' || byte == '\t')) {
    return refuse(Refusal::malformed, "a line begins with a space");
  }
  if (line_bytes() == 0 && headers_begin_ != 0 && ++fields_ > core::limits::header_fields_max) {
    return refuse(Refusal::headers_too_large, "there are more than 64 header fields");
  }
  ++scanned_;
  return Progress::more;
}

HeadScan::Progress HeadScan::carriage_return() {
  if (headers_begin_ != 0 && plain_bytes_max() < 2) return too_large();  // the line feed counts, too
  after_cr_ = true;
  ++scanned_;
  return Progress::more;
}

HeadScan::Progress HeadScan::line_ended() {
  auto empty = line_bytes() == 1;  // the carriage return
  after_cr_ = false;
  ++scanned_;
  line_begin_ = scanned_;
  if (headers_begin_ != 0) return empty ? Progress::complete : Progress::more;
  if (!empty) {
    headers_begin_ = scanned_;
    return Progress::more;
  }
  // RFC 9112 2.2: one empty line before a request is ignored, for clients that end a body with one too many.
  if (begin_ != 0) return refuse(Refusal::malformed, "empty lines instead of a request");
  begin_ = scanned_;
  return Progress::more;
}

}  // namespace net::http
