#include "app/operations/head.hpp"

#include <algorithm>

#include "net/wire/http_text.hpp"

namespace app::operations {

namespace {

namespace http = boost::beast::http;
using net::http::equal_ignoring_case;

bool is_http_1_0(const HeadFields& fields) { return fields.version() < 11; }

const char* host_problem(const HeadFields& fields) {
  const auto hosts = fields.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && !is_http_1_0(fields))) return "there must be exactly one Host";
  return net::http::valid_authority(view(fields[http::field::host])) ? nullptr : "Host is malformed";
}

// RFC 9112 3.2.2: every server takes the absolute form. Takes scheme and host away; false when they are malformed.
bool strip_authority(std::string_view& target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const auto rest = target.substr(scheme.size());
    const auto authority = rest.substr(0, rest.find_first_of("/?"));
    target = rest.substr(authority.size());
    return !authority.empty() && net::http::valid_authority(authority);
  }
  return true;
}

const char* target_problem(std::string_view target, http::verb method) {
  if (!target.starts_with('/') && !(target == "*" && method == http::verb::options)) {
    return "the target must begin with a slash";
  }
  const auto beyond_ascii = [](char c) { return static_cast<unsigned char>(c) > 0x7e; };
  if (std::ranges::any_of(target, beyond_ascii) || target.find_first_of("#\\\"<>") != std::string_view::npos ||
      !net::http::escapes_are_sound(target)) {
    return "the target holds a character or an escape that has no place there";
  }
  return nullptr;
}

// Two readers of one stream must never see two different ends of a body.
const char* framing_problem(const HeadFields& fields) {
  const auto codings = fields.count(http::field::transfer_encoding);
  const auto lengths = fields.count(http::field::content_length);
  if (codings > 0) {
    const bool chunked = equal_ignoring_case(view(fields[http::field::transfer_encoding]), "chunked");
    if (codings > 1 || !chunked) return "the Transfer-Encoding must be chunked";
    if (lengths > 0) return "there must be a Transfer-Encoding or a Content-Length, not both";
    if (is_http_1_0(fields)) return "HTTP/1.0 has no Transfer-Encoding";
  }
  if (lengths > 1) return "there must be at most one Content-Length";
  if (lengths == 1 && !net::http::parse_digits(view(fields[http::field::content_length]))) {
    return "Content-Length must be a number";
  }
  return nullptr;
}

const char* read_expectations(const HeadFields& fields, Head& head) {
  if (is_http_1_0(fields)) return nullptr;  // it has none, whatever it says
  const auto [begin, end] = fields.equal_range(http::field::expect);
  for (auto at = begin; at != end; ++at) {
    if (at->value().empty()) continue;
    if (!equal_ignoring_case(view(at->value()), "100-continue")) return "Expect must be 100-continue";
    head.expects_continue = head.has_body;
  }
  return nullptr;
}

}  // namespace

Head head_of(const HeadFields& fields) {
  Head head;
  head.target = view(fields.target());
  const auto length = net::http::parse_digits(view(fields[http::field::content_length])).value_or(0);
  head.content_bytes = static_cast<std::size_t>(length);
  head.has_body = length > 0 || fields.count(http::field::transfer_encoding) > 0;
  const auto method = fields.method();
  if (method == http::verb::unknown || method == http::verb::connect) {
    head.problem = "the method is not one that this server knows";
  } else if (!strip_authority(head.target)) {
    head.problem = "the target's host is malformed";
  } else {
    head.problem = target_problem(head.target, method);
  }
  if (head.problem == nullptr) head.problem = host_problem(fields);
  if (head.problem == nullptr) head.problem = framing_problem(fields);
  if (head.problem == nullptr) head.problem = read_expectations(fields, head);
  return head;
}

}  // namespace app::operations
