// A request as views into the bytes it arrived in, and the reader that finds and checks it.
//
// The reader knows bytes, not sockets. It is fed with everything that has arrived of one message, from its first byte,
// in one piece of memory; when the message is not whole yet it is fed again, with more bytes, which may have moved.
// What is remembered between two calls is small; the head is parsed (by llhttp, strict) when all of it is there.
// On top of llhttp it refuses what the contract has no use for and attackers have: chunked bodies, folded lines, more
// or fewer than one Host, anything but digits in Content-Length. The same bytes give the same outcome however cut.
// Ownership: Request points into the caller's bytes and into itself; it is big, reused, and does not move.
// Thread: one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/limits.hpp"
#include "net/wire/http_head.hpp"

namespace net::http {

class Request {
 public:
  struct Field {
    std::string_view name, value;
  };
  static constexpr uint32_t segments_max = 8;
  static constexpr uint32_t parameters_max = 4;
  static constexpr uint32_t pairs_max = 32;

  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  std::string_view method() const { return method_; }
  std::string_view path() const { return path_; }            // as sent, begins with '/' (or is "*")
  std::string_view raw_query() const { return raw_query_; }  // as sent, without the '?'
  uint32_t minor_version() const { return minor_version_; }  // of HTTP/1
  bool keep_alive() const { return keep_alive_; }
  // At least 64 bytes behind it may be read (simdjson needs them): the caller of read() guarantees them.
  std::string_view body() const { return body_; }

  // The first field of this name, trimmed; empty when there is none. Names are compared without case.
  std::string_view header(std::string_view name) const;
  uint32_t header_count(std::string_view name) const;
  const Field* begin() const { return fields_.data(); }
  const Field* end() const { return fields_.data() + field_count_; }

  // The first pair of this name, decoded; "" for a name without '='. Pairs beyond the 32nd are not seen.
  std::optional<std::string_view> query(std::string_view name);
  std::optional<std::string_view> cookie(std::string_view name) const;

  // Path segments between slashes, as sent: "/a/b" has two. More than segments_max: segment_count() is larger.
  uint32_t segment_count() const { return segment_count_; }
  std::string_view segment(uint32_t at) const { return segments_[at]; }
  // Set by the router when a pattern matched; decoded.
  void add_parameter(std::string_view segment);
  void clear_parameters() { parameter_count_ = 0; }
  uint32_t parameter_count() const { return parameter_count_; }
  std::string_view parameter(uint32_t at) const;

 private:
  friend class RequestReader;
  friend struct HeadParser;
  void clear();
  void split_path();
  void parse_query();
  std::string_view decode(std::string_view text, bool plus_is_space);

  std::string_view method_, target_, path_, raw_query_, body_;
  std::array<Field, core::limits::header_fields_max> fields_;
  std::array<std::string_view, segments_max> segments_;
  std::array<std::string_view, parameters_max> parameters_;
  std::array<Field, pairs_max> pairs_;
  uint32_t field_count_ = 0;
  uint32_t segment_count_ = 0;
  uint32_t parameter_count_ = 0;
  uint32_t pair_count_ = 0;
  uint32_t minor_version_ = 1;
  bool keep_alive_ = true;
  bool query_parsed_ = false;
  // Decoded text is never longer than its source, and each part of the request line is decoded at most once.
  std::size_t decoded_bytes_ = 0;
  std::array<char, core::limits::request_line_bytes_max> decoded_;
};

class RequestReader {
 public:
  enum class Progress : uint8_t { more, complete, refused };

  // `bytes`: from the first byte of the message to all there is, with 64 more readable bytes behind them.
  // complete: `request` is filled and valid as long as the bytes are; refused: refusal() and detail() say why.
  Progress read(std::string_view bytes, Request& request);

  std::size_t message_bytes() const { return head_.head_bytes() + content_bytes_; }  // once complete
  // True when the client waits for "100 Continue" before it sends the body. False again once asked.
  bool take_continue();
  Refusal refusal() const { return refusal_; }
  const char* detail() const { return detail_; }  // a literal

 private:
  Progress refuse(Refusal refusal, const char* detail);
  Progress read_head(std::string_view bytes, Request& request);
  Progress check_fields(Request& request);
  Progress check_host(const Request& request);
  Progress check_framing(const Request& request);
  Progress check_expectations(const Request& request);
  Progress check_content_bytes(std::string_view digits);
  Progress check_target(Request& request);
  Progress check_request_line(std::string_view line, Request& request);

  HeadScan head_;
  const char* detail_ = nullptr;
  uint32_t content_bytes_ = 0;
  Refusal refusal_ = Refusal::none;
  bool head_complete_ = false;
  bool expects_continue_ = false;
};

}  // namespace net::http
