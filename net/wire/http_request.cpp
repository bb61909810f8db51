#include "net/wire/http_request.hpp"

#include <llhttp.h>

#include <algorithm>
#include <utility>

#include "core/assert.hpp"
#include "net/wire/http_text.hpp"

namespace net::http {

// ---- Request

void Request::clear() {
  method_ = target_ = path_ = raw_query_ = body_ = {};
  field_count_ = segment_count_ = parameter_count_ = pair_count_ = 0;
  minor_version_ = 1;
  keep_alive_ = true;
  query_parsed_ = false;
  decoded_bytes_ = 0;
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& field : *this) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

uint32_t Request::header_count(std::string_view name) const {
  uint32_t count = 0;
  for (const auto& field : *this) count += equal_ignoring_case(field.name, name) ? 1 : 0;
  return count;
}

void Request::split_path() {
  auto rest = path_.substr(path_.starts_with('/') ? 1 : 0);
  while (segment_count_ <= segments_max) {
    auto slash = rest.find('/');
    if (segment_count_ < segments_max) segments_[segment_count_] = rest.substr(0, slash);
    ++segment_count_;
    if (slash == std::string_view::npos) return;
    rest.remove_prefix(slash + 1);
  }
}

std::string_view Request::decode(std::string_view text, bool plus_is_space) {
  if (text.find_first_of(plus_is_space ? "%+" : "%") == std::string_view::npos) return text;
  ONSALE_ASSERT(text.size() <= decoded_.size() - decoded_bytes_);
  auto out = decoded_.data() + decoded_bytes_;
  auto size = percent_decode(text, plus_is_space, out);
  decoded_bytes_ += size;
  return {out, size};
}

void Request::add_parameter(std::string_view segment) {
  ONSALE_ASSERT(parameter_count_ < parameters_max);
  parameters_[parameter_count_++] = decode(segment, false);
}

std::string_view Request::parameter(uint32_t at) const {
  ONSALE_ASSERT(at < parameter_count_);
  return parameters_[at];
}

void Request::parse_query() {
  query_parsed_ = true;
  auto rest = raw_query_;
  while (!rest.empty() && pair_count_ < pairs_max) {
    auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    auto name = pair.substr(0, pair.find('='));
    auto value = pair.substr(std::min(pair.size(), name.size() + 1));
    pairs_[pair_count_++] = {decode(name, true), decode(value, true)};
  }
}

std::optional<std::string_view> Request::query(std::string_view name) {
  if (!query_parsed_) parse_query();
  for (uint32_t at = 0; at < pair_count_; ++at) {
    if (pairs_[at].name == name) return pairs_[at].value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::cookie(std::string_view name) const {
  for (const auto& field : *this) {
    if (!equal_ignoring_case(field.name, "cookie")) continue;
    for (auto rest = field.value; !rest.empty();) {
      auto pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      auto equals = pair.find('=');
      if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name) continue;
      auto value = trim(pair.substr(equals + 1));
      auto quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
      return quoted ? value.substr(1, value.size() - 2) : value;
    }
  }
  return std::nullopt;
}

// ---- The head, through llhttp

// The head is fed in one piece, so llhttp reports each span at once; a span that comes in two pieces would be a folded
// line, which HeadScan has refused. Returning -1 makes llhttp stop.
struct HeadParser {
  static Request& request(llhttp_t* parser) { return *static_cast<Request*>(parser->data); }
  static int method(llhttp_t* parser, const char* at, size_t size) {
    return set_once(request(parser).method_, {at, size});
  }
  static int url(llhttp_t* parser, const char* at, size_t size) {
    return set_once(request(parser).target_, {at, size});
  }
  static int field(llhttp_t* parser, const char* at, size_t size) {
    auto& into = request(parser);
    if (into.field_count_ == into.fields_.size()) return -1;
    into.fields_[into.field_count_++] = {{at, size}, {}};
    return 0;
  }
  static int value(llhttp_t* parser, const char* at, size_t size) {
    auto& into = request(parser);
    if (into.field_count_ == 0) return -1;
    return set_once(into.fields_[into.field_count_ - 1].value, trim({at, size}));
  }
  static int headers_complete(llhttp_t*) { return HPE_PAUSED; }
  static int set_once(std::string_view& into, std::string_view text) {
    if (!into.empty()) return -1;
    into = text;
    return 0;
  }
  static llhttp_settings_t callbacks() {
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_method = &method;
    settings.on_url = &url;
    settings.on_header_field = &field;
    settings.on_header_value = &value;
    settings.on_headers_complete = &headers_complete;
    return settings;
  }
  // True when llhttp took exactly these bytes as one head.
  static bool parse(std::string_view head, Request& into) {
    static const llhttp_settings_t settings = callbacks();
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &into;
    if (llhttp_execute(&parser, head.data(), head.size()) != HPE_PAUSED) return false;
    into.minor_version_ = llhttp_get_http_minor(&parser);
    // llhttp lets an HTTP/1.0 client stay that asks for both.
    into.keep_alive_ = llhttp_should_keep_alive(&parser) != 0 && (parser.flags & F_CONNECTION_CLOSE) == 0;
    return llhttp_get_http_major(&parser) == 1;
  }
};

// ---- RequestReader

RequestReader::Progress RequestReader::refuse(Refusal refusal, const char* detail) {
  refusal_ = refusal;
  detail_ = detail;
  return Progress::refused;
}

bool RequestReader::take_continue() { return std::exchange(expects_continue_, false); }

RequestReader::Progress RequestReader::read(std::string_view bytes, Request& request) {
  auto parsed_now = false;
  if (!head_complete_) {
    auto scanned = head_.scan(bytes);
    if (scanned == HeadScan::Progress::refused) return refuse(head_.refusal(), head_.detail());
    if (scanned == HeadScan::Progress::more) return Progress::more;
    if (read_head(bytes, request) == Progress::refused) return Progress::refused;
    head_complete_ = parsed_now = true;
  }
  if (bytes.size() > head_.head_bytes()) expects_continue_ = false;  // the body comes without being asked for
  if (bytes.size() < message_bytes()) return Progress::more;
  // The views of an earlier call point into bytes that have moved since.
  if (!parsed_now && read_head(bytes, request) == Progress::refused) return Progress::refused;
  request.body_ = bytes.substr(head_.head_bytes(), content_bytes_);
  return Progress::complete;
}

RequestReader::Progress RequestReader::read_head(std::string_view bytes, Request& request) {
  request.clear();
  auto head = bytes.substr(head_.begin(), head_.head_bytes() - head_.begin());
  auto sound = HeadParser::parse(head, request);
  // Whatever llhttp thinks of it: nobody who speaks to us needs it, and two servers may see two different bodies in it.
  if (request.header_count("transfer-encoding") != 0) {
    return refuse(Refusal::not_implemented, "Transfer-Encoding is not supported; send Content-Length");
  }
  if (!sound) return refuse(Refusal::malformed, "the request line or a header field is malformed");
  auto line = head.substr(0, head_.request_line_bytes());
  if (check_request_line(line, request) == Progress::refused) return Progress::refused;
  return check_fields(request);
}

// llhttp knows more protocols, versions and blanks than we want to.
RequestReader::Progress RequestReader::check_request_line(std::string_view line, Request& request) {
  constexpr std::size_t version_bytes = std::string_view{"HTTP/1.x"}.size();
  auto one_blank_each = line.size() == request.method_.size() + request.target_.size() + version_bytes + 2;
  auto known_version = line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
  if (!one_blank_each || !known_version) {
    return refuse(Refusal::malformed, "the request line must be METHOD target HTTP/1.1");
  }
  if (request.method_ == "CONNECT") return refuse(Refusal::not_implemented, "CONNECT is not supported");
  return check_target(request);
}

RequestReader::Progress RequestReader::check_target(Request& request) {
  auto target = request.target_;
  for (std::string_view scheme : {"http://", "https://"}) {  // RFC 9112 3.2.2: the absolute form is for proxies
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    auto authority = target.substr(0, target.find_first_of("/?"));
    if (authority.empty() || !valid_authority(authority)) {
      return refuse(Refusal::malformed, "the target's host is malformed");
    }
    target.remove_prefix(authority.size());
    if (!target.starts_with('/')) return refuse(Refusal::malformed, "the target has no path");
    break;
  }
  auto asterisk = target == "*" && request.method_ == "OPTIONS";
  if (!target.starts_with('/') && !asterisk) return refuse(Refusal::malformed, "the target must begin with a slash");
  // Browsers send the rest of what RFC 3986 leaves out (| ^ { } `) as it is; these they never do.
  constexpr std::string_view foreign = "#\\\"<>";
  auto holds = [&](char c) { return target.find(c) != std::string_view::npos; };
  if (std::any_of(foreign.begin(), foreign.end(), holds) || !escapes_are_sound(target)) {
    return refuse(Refusal::malformed, "the target holds a character or an escape that has no place there");
  }
  auto mark = target.find('?');
  request.path_ = target.substr(0, mark);
  request.raw_query_ = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  request.split_path();
  return Progress::complete;
}

RequestReader::Progress RequestReader::check_fields(Request& request) {
  auto nameless = request.header_count("") != 0;  // llhttp lets an empty name pass
  if (nameless || request.field_count_ != head_.fields()) {
    return refuse(Refusal::malformed, "a header field is malformed");
  }
  if (check_host(request) == Progress::refused) return Progress::refused;
  return check_framing(request);
}

RequestReader::Progress RequestReader::check_host(const Request& request) {
  auto hosts = request.header_count("host");
  if (hosts > 1 || (hosts == 0 && request.minor_version_ == 1)) {
    return refuse(Refusal::malformed, "there must be exactly one Host");
  }
  if (!valid_authority(request.header("host"))) return refuse(Refusal::malformed, "Host is malformed");
  return Progress::complete;
}

RequestReader::Progress RequestReader::check_expectations(const Request& request) {
  expects_continue_ = false;
  if (request.minor_version_ == 0) return Progress::complete;  // HTTP/1.0 has none, whatever it says
  for (const auto& field : request) {
    if (!equal_ignoring_case(field.name, "expect") || field.value.empty()) continue;
    if (!equal_ignoring_case(field.value, "100-continue")) {
      return refuse(Refusal::malformed, "Expect must be 100-continue");
    }
    expects_continue_ = true;
  }
  return Progress::complete;
}

RequestReader::Progress RequestReader::check_framing(const Request& request) {
  if (check_expectations(request) == Progress::refused) return Progress::refused;
  auto lengths = request.header_count("content-length");
  if (lengths > 1) return refuse(Refusal::malformed, "there must be at most one Content-Length");
  return lengths == 0 ? Progress::complete : check_content_bytes(request.header("content-length"));
}

RequestReader::Progress RequestReader::check_content_bytes(std::string_view digits) {
  auto bytes = parse_digits(digits);
  if (!bytes) return refuse(Refusal::malformed, "Content-Length must be a number");
  if (*bytes > static_cast<int64_t>(core::limits::body_bytes_max)) {
    return refuse(Refusal::body_too_large, "the body is longer than 16384 bytes");
  }
  content_bytes_ = static_cast<uint32_t>(*bytes);
  if (content_bytes_ == 0) expects_continue_ = false;
  return Progress::complete;
}

}  // namespace net::http
