// The requests of a run, as a file: one a line, six columns with a tab between them, "-" for nothing.
//
//   METHOD  target  authorization  idempotency key  Name: value|Name: value  body
//
// Strict: a line that is not so stops the run before it begins, with its line and column. HEAD is refused, because its
// answers cannot be told from others without asking what was asked. Thread: any.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace bench {

struct RequestLine {
  std::string_view method, target, authorization, idempotency_key, headers, body;  // into the file's text; empty: none
};

// `text` outlives the lines. `name` stands for the file in problems.
core::Checked<std::vector<RequestLine>> parse_requests(std::string_view text, std::string_view name);

// The bytes that go to the server. A body without a Content-Type among the headers is called JSON.
void render(const RequestLine& line, std::string_view host, std::string& out);

core::Checked<std::string> read_file(const std::string& path);

}  // namespace bench
