#include "net/wire/resp.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace net::resp {
namespace {

constexpr std::size_t line_break_bytes = 2;
constexpr std::size_t element_bytes_min = 3;       // "+\r\n"
constexpr std::size_t number_line_bytes_max = 21;  // the type, a sign and 19 digits

bool has_number(char type) { return type == ':' || type == '$' || type == '*'; }

// Redis writes a number in one way. "-01" must not be null to one reader and a length to another.
bool one_spelling(std::string_view digits) {
  const auto unsigned_digits = digits.substr(digits.front() == '-' ? 1 : 0);
  return unsigned_digits.front() != '0' || digits == "0";
}

// The next three read what a Scanner has checked.
std::string_view line_at(const char* reply) {
  const char* begin = reply + 1;
  const char* end = begin;
  while (*end != '\r') ++end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

int64_t number_at(const char* reply, const char** end) {
  const char* at = reply + 1;
  const bool negative = *at == '-';
  uint64_t value = 0;
  for (at += negative ? 1 : 0; *at != '\r'; ++at) value = value * 10 + static_cast<uint64_t>(*at - '0');
  *end = at + line_break_bytes;
  return static_cast<int64_t>(negative ? 0 - value : value);
}

// Behind the element at `at` and all that it contains. No recursion: what is open is one count.
const char* skip(const char* at) {
  for (uint64_t open = 1; open > 0; --open) {
    if (!has_number(*at)) {
      at = line_at(at).end() + line_break_bytes;
      continue;
    }
    const char type = *at;
    const int64_t number = number_at(at, &at);
    if (type == '$' && number >= 0) at += number + static_cast<int64_t>(line_break_bytes);
    if (type == '*' && number > 0) open += static_cast<uint64_t>(number);
  }
  return at;
}

}  // namespace

// ---------------------------------------------------------------- View

View::View() : at_{"$-1\r\n"} {}

Kind View::kind() const {
  switch (*at_) {
    case '-':
      return Kind::error;
    case ':':
      return Kind::integer;
    case '$':
      return at_[1] == '-' ? Kind::null : Kind::text;
    case '*':
      return at_[1] == '-' ? Kind::null : Kind::array;
    default:
      return Kind::text;
  }
}

std::string_view View::text() const {
  if (*at_ == '+' || *at_ == '-') return line_at(at_);
  if (*at_ != '$') return {};
  const char* bytes = nullptr;
  const int64_t length = number_at(at_, &bytes);
  return length < 0 ? std::string_view{} : std::string_view{bytes, static_cast<std::size_t>(length)};
}

int64_t View::integer() const {
  const char* end = nullptr;
  return *at_ == ':' ? number_at(at_, &end) : 0;
}

std::optional<int64_t> View::number() const {
  if (kind() == Kind::integer) return integer();
  return kind() == Kind::text ? parse_number(text()) : std::nullopt;
}

uint32_t View::size() const {
  const char* end = nullptr;
  return kind() == Kind::array ? static_cast<uint32_t>(number_at(at_, &end)) : 0;
}

View View::operator[](uint32_t index) const {
  for (auto element = begin(); element != end(); ++element) {
    if (index-- == 0) return *element;
  }
  return {};
}

View::Iterator View::begin() const {
  const auto count = size();
  const char* first = at_;
  if (count > 0) number_at(at_, &first);
  return {first, count};
}

View::Iterator& View::Iterator::operator++() {
  if (--left_ > 0) at_ = skip(at_);
  return *this;
}

// ---------------------------------------------------------------- Scanner

Scanner::State Scanner::scan(std::string_view bytes) {
  // Each step asks for more bytes than it had, goes to the next element, or ends the reply.
  while (state_ == State::incomplete && bytes.size() >= wanted_) step(bytes);
  return state_;
}

void Scanner::step(std::string_view bytes) {
  const char type = bytes[at_];
  if (!has_number(type) && type != '+' && type != '-') return refuse();
  if (!line_ends(bytes)) return;
  if (has_number(type)) return read_header(bytes);
  finish_element(line_ + line_break_bytes);
}

bool Scanner::line_ends(std::string_view bytes) {
  line_ = std::min(bytes.find('\r', std::max(line_, at_ + 1)), bytes.size());
  const bool too_long = has_number(bytes[at_]) && line_ - at_ > number_line_bytes_max;
  const bool whole = line_ + 1 < bytes.size();
  if (too_long || (whole && bytes[line_ + 1] != '\n')) {
    refuse();
    return false;
  }
  if (!whole) want(bytes.size() + 1);
  return whole;
}

void Scanner::read_header(std::string_view bytes) {
  const auto digits = bytes.substr(at_ + 1, line_ - at_ - 1);
  const auto number = parse_number(digits);
  if (!number || !one_spelling(digits)) return refuse();
  if (bytes[at_] == ':' || *number == -1) return finish_element(line_ + line_break_bytes);
  if (*number < 0) return refuse();
  bytes[at_] == '$' ? read_bulk(bytes, *number) : read_array(*number);
}

void Scanner::read_bulk(std::string_view bytes, int64_t length) {
  const auto begin = line_ + line_break_bytes;
  if (static_cast<uint64_t>(length) > bytes_max_) return refuse();
  const auto end = begin + static_cast<std::size_t>(length);
  if (bytes.size() < end + line_break_bytes) return want(end + line_break_bytes);
  if (bytes.substr(end, line_break_bytes) != "\r\n") return refuse();
  finish_element(end + line_break_bytes);
}

void Scanner::read_array(int64_t count) {
  const auto begin = line_ + line_break_bytes;
  if (count == 0) return finish_element(begin);
  // A count that cannot fit is refused before anybody waits for its elements.
  if (static_cast<uint64_t>(count) > bytes_max_ / element_bytes_min) return refuse();
  if (depth_ == left_.size()) return refuse();
  at_ = begin;
  left_[depth_++] = static_cast<uint32_t>(count);
  want(at_ + 1);
}

void Scanner::finish_element(std::size_t end) {
  at_ = end;
  if (at_ > bytes_max_) return refuse();
  while (depth_ > 0 && --left_[depth_ - 1] == 0) --depth_;
  if (depth_ > 0) return want(at_ + 1);
  state_ = State::complete;
}

void Scanner::want(std::size_t bytes) {
  if (bytes > bytes_max_) return refuse();
  wanted_ = bytes;
}

// ---------------------------------------------------------------- free functions

std::optional<View> parse(std::string_view reply) {
  Scanner scanner;
  if (scanner.scan(reply) != Scanner::State::complete || scanner.size() != reply.size()) return std::nullopt;
  return View{reply.data()};
}

std::optional<int64_t> parse_number(std::string_view digits) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::size_t header_bytes(std::size_t number) {
  std::size_t digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return 1 + digits + line_break_bytes;
}

std::size_t bulk_bytes(std::string_view argument) {
  return header_bytes(argument.size()) + argument.size() + line_break_bytes;
}

void write_header(core::TextBuffer& out, char type, std::size_t number) {
  char* begin = out.room(1 + std::numeric_limits<std::size_t>::digits10 + 1 + line_break_bytes);
  *begin = type;
  char* at = std::to_chars(begin + 1, begin + 1 + std::numeric_limits<std::size_t>::digits10 + 1, number).ptr;
  *at++ = '\r';
  *at++ = '\n';
  out.commit(static_cast<std::size_t>(at - begin));
}

void write_bulk(core::TextBuffer& out, std::string_view argument) {
  write_header(out, '$', argument.size());
  out.append(argument);
  out.append("\r\n");
}

}  // namespace net::resp
