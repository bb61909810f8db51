#include "core/log.hpp"

#include <fmt/format.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <iterator>
#include <span>

#include "core/json_writer.hpp"
#include "core/time.hpp"

namespace core {

namespace {

constexpr std::string_view level_names[] = {"debug", "info", "warning", "error"};
constexpr std::string_view priorities[] = {"<7>", "<6>", "<4>", "<3>"};
constexpr std::string_view format_names[] = {"text", "json"};

constexpr std::size_t value_bytes_max = 4096;

template <class Value>
std::optional<Value> find_name(std::span<const std::string_view> names, std::string_view wanted) {
  const auto found = std::ranges::find(names, wanted);
  if (found == names.end()) return std::nullopt;
  return static_cast<Value>(found - names.begin());
}

// Cut to a sensible length; bytes that are not UTF-8 become question marks, so that a reader of JSON gets JSON.
std::string presentable(std::string_view text) {
  std::string kept{text.substr(0, value_bytes_max)};
  if (!simdjson::validate_utf8(kept)) {
    std::ranges::replace_if(
        kept, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  return kept;
}

bool is_bare(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

struct ValueWriter {
  JsonWriter<std::string>& json;
  void operator()(std::string_view text) const { json.text(presentable(text)); }
  void operator()(bool truth) const { json.boolean(truth); }
  void operator()(int64_t number) const { json.integer(number); }
  void operator()(uint64_t number) const { json.raw(fmt::to_string(number)); }
  void operator()(double number) const {
    if (std::isfinite(number)) {
      json.raw(fmt::to_string(number));
    } else {
      json.null();
    }
  }
};

std::string quoted_if_needed(const LogField& field) {
  const auto* text = std::get_if<std::string_view>(&field.value);
  if (text && is_bare(*text) && text->size() <= value_bytes_max && simdjson::validate_utf8(*text)) {
    return std::string{*text};
  }
  std::string value;
  JsonWriter json{value};
  std::visit(ValueWriter{json}, field.value);
  return value;
}

std::string text_line(int64_t now_ms, LogLevel level, std::string_view message, Log::Fields fields) {
  auto sentence = presentable(message);
  std::ranges::replace_if(
      sentence, [](char c) { return !is_plain(c); }, ' ');
  std::string line = fmt::format("{} {} {}", rfc3339(now_ms), name(level), sentence);
  for (const auto& field : fields) {
    fmt::format_to(std::back_inserter(line), " {}={}", field.name, quoted_if_needed(field));
  }
  return line += '\n';
}

std::string json_line(int64_t now_ms, LogLevel level, std::string_view message, Log::Fields fields) {
  std::string line;
  JsonWriter json{line};
  json.begin_object().key("time").instant(now_ms).member("level", name(level));
  json.member("message", presentable(message));
  for (const auto& field : fields) {
    json.key(field.name);
    std::visit(ValueWriter{json}, field.value);
  }
  json.end_object();
  return line += '\n';
}

}  // namespace

std::string_view name(LogLevel level) { return level_names[static_cast<std::size_t>(level)]; }
std::optional<LogLevel> log_level(std::string_view name) { return find_name<LogLevel>(level_names, name); }
std::optional<LogFormat> log_format(std::string_view name) { return find_name<LogFormat>(format_names, name); }

std::string format_log_line(LogFormat format, int64_t now_ms, LogLevel level, std::string_view message,
                            Log::Fields fields) {
  return format == LogFormat::json ? json_line(now_ms, level, message, fields)
                                   : text_line(now_ms, level, message, fields);
}

void Log::write(LogLevel level, std::string_view message, Fields fields) const {
  if (!writes(level)) return;
  std::string line{settings_.priorities ? priorities[static_cast<std::size_t>(level)] : std::string_view{}};
  line += format_log_line(settings_.format, wall_ms(), level, message, fields);
  while (::write(settings_.fd, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

bool Log::goes_to_journal(int fd, const char* journal_stream) {
  struct stat file {};
  if (!journal_stream || ::fstat(fd, &file) != 0) return false;
  return fmt::format("{}:{}", file.st_dev, file.st_ino) == journal_stream;
}

}  // namespace core
