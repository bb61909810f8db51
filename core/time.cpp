#include "core/time.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

namespace core {

namespace {

constexpr int64_t day_ms = 86'400'000;
constexpr int64_t last_ms = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z

int64_t read_clock_ms(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

char* put_digits(char* out, int64_t value, int width) {
  for (int at = width - 1; at >= 0; --at, value /= 10) out[at] = static_cast<char>('0' + value % 10);
  return out + width;
}

// Takes fixed pieces from the front of the text; once something does not fit, everything after it fails as well.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_{text} {}
  bool accept(char expected) {
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char expected) { good_ = accept(expected) && good_; }
  int64_t digits(std::size_t width, int64_t low, int64_t high) {
    int64_t value = 0;
    for (std::size_t taken = 0; taken < width; ++taken) value = value * 10 + digit();
    good_ = good_ && value >= low && value <= high;
    return value;
  }
  // What follows the point, as milliseconds; digits beyond the third are dropped.
  int64_t fraction_ms() {
    int64_t value = digit(), scale = 100, ms = value * scale;
    for (int taken = 1; taken < fraction_digits_max && at_digit(); ++taken) ms += digit() * (scale /= 10);
    return ms;
  }
  bool done() const { return good_ && rest_.empty(); }

 private:
  static constexpr int fraction_digits_max = 9;

  bool at_digit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }
  int64_t digit() {
    if (!at_digit()) {
      good_ = false;
      return 0;
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c - '0';
  }
  std::string_view rest_;
  bool good_ = true;
};

int64_t scan_offset_ms(Scanner& scan) {
  if (scan.accept('Z')) return 0;
  const bool west = scan.accept('-');
  if (!west) scan.expect('+');
  const int64_t hours = scan.digits(2, 0, 23);
  scan.expect(':');
  const int64_t minutes = scan.digits(2, 0, 59);
  return (west ? -1 : 1) * (hours * 60 + minutes) * 60'000;
}

}  // namespace

int64_t wall_ms() { return read_clock_ms(CLOCK_REALTIME); }
int64_t monotonic_ms() { return read_clock_ms(CLOCK_MONOTONIC); }

void format_rfc3339(int64_t instant_ms, char* out) {
  instant_ms = std::clamp<int64_t>(instant_ms, 0, last_ms);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{instant_ms / day_ms}}};
  const int64_t of_day = instant_ms % day_ms;
  out = put_digits(out, int{date.year()}, 4), *out++ = '-';
  out = put_digits(out, unsigned{date.month()}, 2), *out++ = '-';
  out = put_digits(out, unsigned{date.day()}, 2), *out++ = 'T';
  out = put_digits(out, of_day / 3'600'000, 2), *out++ = ':';
  out = put_digits(out, of_day / 60'000 % 60, 2), *out++ = ':';
  out = put_digits(out, of_day / 1000 % 60, 2), *out++ = '.';
  out = put_digits(out, of_day % 1000, 3), *out = 'Z';
}

std::string rfc3339(int64_t instant_ms) {
  std::string text(rfc3339_bytes, '0');
  format_rfc3339(instant_ms, text.data());
  return text;
}

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  Scanner scan{text};
  const std::chrono::year year{static_cast<int>(scan.digits(4, 0, 9999))};
  scan.expect('-');
  const std::chrono::month month{static_cast<unsigned>(scan.digits(2, 1, 12))};
  scan.expect('-');
  const std::chrono::day day{static_cast<unsigned>(scan.digits(2, 1, 31))};
  scan.expect('T');
  const int64_t hour = scan.digits(2, 0, 23);
  scan.expect(':');
  const int64_t minute = scan.digits(2, 0, 59);
  scan.expect(':');
  const int64_t second = scan.digits(2, 0, 59);  // a leap second has no place in milliseconds since 1970
  const int64_t fraction_ms = scan.accept('.') ? scan.fraction_ms() : 0;
  const int64_t offset_ms = scan_offset_ms(scan);
  const std::chrono::year_month_day date{year, month, day};
  if (!scan.done() || !date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const int64_t instant_ms = days * day_ms + ((hour * 60 + minute) * 60 + second) * 1000 + fraction_ms - offset_ms;
  if (instant_ms < 0 || instant_ms > last_ms) return std::nullopt;
  return instant_ms;
}

}  // namespace core
