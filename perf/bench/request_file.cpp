#include "perf/bench/request_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "net/wire/http_text.hpp"

namespace bench {

namespace {

constexpr std::size_t columns = 6;
constexpr std::string_view methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }
bool is_printable(char c) { return c >= 0x20 && c != 0x7f; }  // bytes above ASCII are negative here, and refused

struct Complaint {
  std::size_t column = 0;  // from 1
  std::string what;        // empty: none
};

// One line, while it is taken apart.
class Line {
 public:
  explicit Line(std::string_view text) : text_{text} {}

  Complaint read(RequestLine& out) {
    if (text_.ends_with('\r')) return {text_.size(), "lines end with a line feed alone"};
    split();
    if (count_ != columns)
      return {1, fmt::format("{} columns with a tab between them are needed, here are {}", columns, count_)};
    std::string_view* const fields[columns] = {&out.method,          &out.target,  &out.authorization,
                                               &out.idempotency_key, &out.headers, &out.body};
    for (std::size_t at = 0; at < columns; ++at) *fields[at] = cells_[at] == "-" ? std::string_view{} : cells_[at];
    return judge(out);
  }

 private:
  void split() {
    for (std::size_t from = 0; from <= text_.size();) {
      const auto tab = std::min(text_.find('\t', from), text_.size());
      if (count_ < columns) cells_[count_] = text_.substr(from, tab - from);
      ++count_;
      from = tab + 1;
    }
  }

  Complaint judge(const RequestLine& line) const {
    if (std::ranges::find(methods, line.method) == std::end(methods)) {
      return at(0, "the method must be GET, POST, PUT, DELETE, PATCH or OPTIONS");
    }
    if (!line.target.starts_with('/') || !std::ranges::all_of(line.target, is_visible)) {
      return at(1, "the target must begin with / and have no blanks");
    }
    for (std::size_t cell : {2u, 3u}) {
      if (!std::ranges::all_of(cells_[cell], is_printable)) return at(cell, "this cannot stand in a header");
    }
    return judge_headers(line.headers);
  }

  Complaint judge_headers(std::string_view headers) const {
    for (std::size_t from = 0; from < headers.size();) {
      const auto bar = std::min(headers.find('|', from), headers.size());
      const auto header = headers.substr(from, bar - from);
      const auto colon = header.find(": ");
      const bool good = colon != header.npos && colon > 0 && std::ranges::all_of(header.substr(0, colon), is_visible) &&
                        std::ranges::all_of(header, is_printable);
      if (!good) return at(4, "headers are written Name: value|Name: value", from);
      from = bar + 1;
    }
    return {};
  }

  Complaint at(std::size_t cell, std::string what, std::size_t inside = 0) const {
    return {static_cast<std::size_t>(cells_[cell].data() - text_.data()) + inside + 1, std::move(what)};
  }

  std::string_view text_;
  std::array<std::string_view, columns> cells_;
  std::size_t count_ = 0;
};

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out.append(name).append(": ").append(value).append("\r\n");
}

bool names_content_type(std::string_view headers) {
  constexpr std::string_view name = "content-type:";
  for (std::size_t at = 0; at + name.size() <= headers.size(); ++at) {
    const bool begins = at == 0 || headers[at - 1] == '|';
    if (begins && net::http::equal_ignoring_case(headers.substr(at, name.size()), name)) return true;
  }
  return false;
}

}  // namespace

core::Checked<std::vector<RequestLine>> parse_requests(std::string_view text, std::string_view name) {
  using Parsed = core::Checked<std::vector<RequestLine>>;
  std::vector<RequestLine> lines;
  for (std::size_t from = 0, number = 1; from < text.size(); ++number) {
    const auto end = std::min(text.find('\n', from), text.size());
    const auto complaint = Line{text.substr(from, end - from)}.read(lines.emplace_back());
    if (!complaint.what.empty()) {
      return Parsed::failed(fmt::format("{}:{}:{}: {}", name, number, complaint.column, complaint.what));
    }
    from = end + 1;
  }
  if (lines.empty()) return Parsed::failed(fmt::format("{}: there is no request in it", name));
  return lines;
}

void render(const RequestLine& line, std::string_view host, std::string& out) {
  out.append(line.method).append(" ").append(line.target).append(" HTTP/1.1\r\n");
  append_field(out, "Host", host);
  append_field(out, "Authorization", line.authorization);
  append_field(out, "Idempotency-Key", line.idempotency_key);
  for (std::size_t from = 0; from < line.headers.size();) {
    const auto bar = std::min(line.headers.find('|', from), line.headers.size());
    out.append(line.headers.substr(from, bar - from)).append("\r\n");
    from = bar + 1;
  }
  if (!line.body.empty() && !names_content_type(line.headers)) append_field(out, "Content-Type", "application/json");
  if (!line.body.empty() || line.method != "GET") append_field(out, "Content-Length", std::to_string(line.body.size()));
  out.append("\r\n").append(line.body);
}

core::Checked<std::string> read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (file) return text;
  return core::Checked<std::string>::failed(path + ": " + std::strerror(errno));
}

}  // namespace bench
