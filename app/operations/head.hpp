// What a request's head must be before anybody acts on it: RFC 9112, as strictly as the public listener reads it
// (net/wire/http_request.hpp; one table of hostile streams tests both). The one difference: a body may come in chunks.
// Beast's parser, whose work is judged here, leaves all this to whoever uses it.
// Ownership: views refer to the fields. Thread: any; pure.
#pragma once
#include <boost/beast/http/message.hpp>
#include <cstddef>
#include <string_view>

namespace app::operations {

// Beast has a type of its own for it.
inline std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

struct Head {
  std::string_view target;  // path and query, also of an absolute form; "*" of OPTIONS
  bool has_body = false;
  std::size_t content_bytes = 0;  // as said; 0 of a body in chunks
  bool expects_continue = false;  // the body comes when it is asked for
  const char* problem = nullptr;  // a literal: why nobody may act on it; where it ends is then not known for sure
};

using HeadFields = boost::beast::http::request_header<>;

Head head_of(const HeadFields& fields);

}  // namespace app::operations
