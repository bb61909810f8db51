// The log: one line an event, a short sentence and named values.
//
//   text:  2026-11-20T10:00:00.000Z info listening address=127.0.0.1 port=8080
//   json:  {"time":"2026-11-20T10:00:00.000Z","level":"info","message":"listening","address":"127.0.0.1","port":8080}
//
// A line is one write(2), so lines of several threads never mix. Where the descriptor is the journal's, the line begins
// with its priority ("<6>"). Whatever a value holds, it stays inside its line: control characters are escaped, bytes
// that are not UTF-8 are replaced. A line that cannot be written is lost; the server goes on.
// Never log tokens, secrets or personal data. Not for hot paths: a line allocates.
// Ownership: value; passed down by reference, there is no global log. Thread: any.
#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace core {

enum class LogLevel : uint8_t { debug, info, warning, error };
enum class LogFormat : uint8_t { text, json };

std::string_view name(LogLevel level);
std::optional<LogLevel> log_level(std::string_view name);
std::optional<LogFormat> log_format(std::string_view name);

// A named value of a line. Refers to its name and text; lives no longer than the call.
struct LogField {
  LogField(std::string_view field, std::string_view text) : name{field}, value{text} {}
  LogField(std::string_view field, const char* text) : name{field}, value{std::string_view{text}} {}
  LogField(std::string_view field, const std::string& text) : name{field}, value{std::string_view{text}} {}
  LogField(std::string_view field, bool truth) : name{field}, value{truth} {}
  LogField(std::string_view field, double number) : name{field}, value{number} {}
  template <std::signed_integral Number>
  LogField(std::string_view field, Number number) : name{field}, value{int64_t{number}} {}
  template <std::unsigned_integral Number>
  requires(!std::same_as<Number, bool>) LogField(std::string_view field, Number number)
      : name{field}, value{uint64_t{number}} {}

  std::string_view name;
  std::variant<std::string_view, bool, double, int64_t, uint64_t> value;
};

class Log {
 public:
  using Fields = std::initializer_list<LogField>;

  struct Settings {
    LogFormat format = LogFormat::text;
    LogLevel level = LogLevel::info;  // lines below are dropped
    int fd = 2;
    bool priorities = false;  // see goes_to_journal()
  };
  explicit Log(Settings settings) : settings_{settings} {}

  bool writes(LogLevel level) const { return level >= settings_.level; }
  void write(LogLevel level, std::string_view message, Fields fields = {}) const;
  void debug(std::string_view message, Fields fields = {}) const { write(LogLevel::debug, message, fields); }
  void info(std::string_view message, Fields fields = {}) const { write(LogLevel::info, message, fields); }
  void warning(std::string_view message, Fields fields = {}) const { write(LogLevel::warning, message, fields); }
  void error(std::string_view message, Fields fields = {}) const { write(LogLevel::error, message, fields); }

  // True when `fd` is the stream systemd gave us: `journal_stream` is the variable JOURNAL_STREAM ("device:inode"),
  // may be null. The variable alone proves nothing, children of a service inherit it with another stderr.
  static bool goes_to_journal(int fd, const char* journal_stream);

 private:
  const Settings settings_;
};

// The line as it is written, without priority, with its line end.
std::string format_log_line(LogFormat format, int64_t now_ms, LogLevel level, std::string_view message,
                            Log::Fields fields);

}  // namespace core
