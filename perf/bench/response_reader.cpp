#include "perf/bench/response_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace bench {

namespace {

constexpr std::string_view version = "HTTP/1.1 ";
constexpr uint8_t status_end = version.size() + 3;
constexpr std::string_view known_names[] = {"content-length", "transfer-encoding", "connection"};
constexpr std::string_view close_option = "close";
constexpr uint64_t length_max = uint64_t{1} << 40;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// How the fields that matter are written nearly always. Every other spelling of them is for the state machine.
constexpr std::string_view length_field = "Content-Length: ", type_field = "Content-Type: ";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 0: something else than a status whose answer has a body.
uint16_t ordinary_status(std::string_view bytes) {
  if (bytes.size() < status_end || !bytes.starts_with(version)) return 0;
  const auto digits = bytes.substr(version.size(), 3);
  if (digits[0] < '2' || digits[0] > '5' || !is_digit(digits[1]) || !is_digit(digits[2])) return 0;
  const auto status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return status == 204 || status == 304 ? 0 : static_cast<uint16_t>(status);
}

// Where the line behind the next line feed begins; 0: there is none, or the line feed is bare.
std::size_t next_line(std::string_view bytes, std::size_t from) {
  const auto end = bytes.find('\n', from);
  return end == bytes.npos || bytes[end - 1] != '\r' ? 0 : end + 1;
}

std::optional<uint64_t> ordinary_length(std::string_view text) {
  uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  const bool whole = error == std::errc{} && end != text.data() + text.size() && *end == '\r';
  return whole && length < length_max ? std::optional{length} : std::nullopt;
}

bool may_matter(std::string_view line) {
  if (line.size() < type_field.size() || line[0] == '\r') return true;
  const char first = lower(line[0]);
  return first == 't' || (first == 'c' && lower(line[1]) == 'o' && !line.starts_with(type_field));
}

}  // namespace

std::size_t ResponseReader::take_ordinary_head(std::string_view bytes) {
  const auto status = ordinary_status(bytes);
  if (status == 0) return 0;
  std::optional<uint64_t> length;
  for (auto at = next_line(bytes, status_end); at > 0; at = next_line(bytes, at)) {
    const auto line = bytes.substr(at);
    if (length && line.starts_with("\r\n")) {
      status_ = status;
      length_ = *length;
      closing_ = false;
      state_ = length_ == 0 ? State::complete : State::body;
      return at + 2;
    }
    if (!length && line.starts_with(length_field)) {
      length = ordinary_length(line.substr(length_field.size()));
      if (!length) return 0;
    } else if (may_matter(line)) {
      return 0;
    }
  }
  return 0;
}

std::size_t ResponseReader::step(std::string_view bytes) {
  switch (state_) {
    case State::status_line:
      take_status(bytes.front());
      return 1;
    case State::line_rest:
      return skip_line(bytes);
    case State::line_start:
      take_line_start(bytes.front());
      return 1;
    case State::name:
      take_name(bytes.front());
      return 1;
    case State::length:
      take_length(bytes.front());
      return 1;
    case State::option:
      take_option(bytes.front());
      return 1;
    case State::head_end:
      end_head(bytes.front());
      return 1;
    case State::body:
      break;
    case State::complete:
    case State::broken:
      return bytes.size();
  }
  const auto taken = std::min<uint64_t>(length_, bytes.size());
  length_ -= taken;
  if (length_ == 0) state_ = State::complete;
  return taken;
}

std::size_t ResponseReader::skip_line(std::string_view bytes) {
  const auto end = bytes.find('\n');
  if (end == std::string_view::npos) {
    carriage_return_ = bytes.back() == '\r';
    return bytes.size();
  }
  const bool whole = end == 0 ? carriage_return_ : bytes[end - 1] == '\r';
  state_ = whole ? State::line_start : State::broken;
  return end + 1;
}

void ResponseReader::take_status(char c) {
  if (position_ < version.size()) {
    if (c != version[position_]) state_ = State::broken;
    if (position_ == 0) status_ = 0, length_ = 0, has_length_ = false, closing_ = false;
  } else if (c < '0' || c > '9') {
    state_ = State::broken;
  } else {
    status_ = static_cast<uint16_t>(status_ * 10 + (c - '0'));
  }
  if (++position_ < status_end || state_ == State::broken) return;
  state_ = status_ >= 200 && status_ < 600 ? State::line_rest : State::broken;
  carriage_return_ = false;
}

void ResponseReader::take_line_start(char c) {
  position_ = 0;
  carriage_return_ = false;
  candidates_ = (1u << names) - 1;
  if (c == '\r') {
    state_ = State::head_end;
  } else {
    take_name(c);
  }
}

// Most fields are none of ours and left after a letter or two.
void ResponseReader::take_name(char c) {
  if (c == ':') return take_field();
  uint8_t fitting = 0;
  for (std::size_t at = 0; at < names; ++at) {
    const auto& name = known_names[at];
    const bool fits = position_ < name.size() && name[position_] == lower(c);
    if (fits) fitting = static_cast<uint8_t>(fitting | 1u << at);
  }
  candidates_ &= fitting;
  ++position_;
  carriage_return_ = c == '\r';
  state_ = c == '\n' ? State::broken : candidates_ != 0 ? State::name : State::line_rest;
}

void ResponseReader::take_field() {
  std::size_t found = 0;
  while (found < names && ((candidates_ >> found & 1) == 0 || known_names[found].size() != position_)) ++found;
  position_ = 0;
  constexpr State then[] = {State::length, State::broken, State::option, State::line_rest};
  state_ = then[found];
  if (state_ != State::length) return;
  if (has_length_) state_ = State::broken;  // twice: two readers could differ on where the body ends
  has_length_ = true;
}

void ResponseReader::take_length(char c) {
  if (c == ' ' && position_ == 0) return;
  if (c >= '0' && c <= '9' && length_ < length_max) {
    length_ = length_ * 10 + static_cast<uint64_t>(c - '0');
    position_ = 1;
    return;
  }
  carriage_return_ = true;
  state_ = c == '\r' && position_ > 0 ? State::line_rest : State::broken;
}

void ResponseReader::take_option(char c) {
  if (c == ' ' && position_ == 0) return;
  if (c == '\r' || c == '\n' || lower(c) != close_option[position_]) {
    carriage_return_ = c == '\r';
    state_ = c == '\n' ? State::broken : State::line_rest;
    return;
  }
  if (++position_ < close_option.size()) return;
  closing_ = true;
  state_ = State::line_rest;
}

void ResponseReader::end_head(char c) {
  const bool bodiless = status_ == 204 || status_ == 304;
  if (c != '\n' || (!has_length_ && !bodiless)) {
    state_ = State::broken;
  } else {
    state_ = length_ == 0 || bodiless ? State::complete : State::body;
  }
}

}  // namespace bench
