#include "core/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

using core::Log;
using core::LogFormat;
using core::LogLevel;

namespace {

std::string text_of(std::string_view message, Log::Fields fields) {
  return core::format_log_line(LogFormat::text, 0, LogLevel::info, message, fields);
}
std::string json_of(std::string_view message, Log::Fields fields) {
  return core::format_log_line(LogFormat::json, 0, LogLevel::warning, message, fields);
}

// A pipe, so that what was written can be read.
class Pipe {
 public:
  Pipe() { REQUIRE(::pipe2(fds_, O_CLOEXEC) == 0); }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int in() const { return fds_[1]; }
  std::string read_all() {
    close_end(1);
    std::string all;
    char bytes[4096];
    for (ssize_t size; (size = ::read(fds_[0], bytes, sizeof bytes)) > 0;)
      all.append(bytes, static_cast<std::size_t>(size));
    return all;
  }

 private:
  void close_end(int end) {
    if (fds_[end] >= 0) ::close(fds_[end]);
    fds_[end] = -1;
  }
  int fds_[2];
};

Log log_to(int fd, LogLevel level = LogLevel::info, bool priorities = false) {
  return Log{{.format = LogFormat::text, .level = level, .fd = fd, .priorities = priorities}};
}

}  // namespace

TEST_CASE("a line is a sentence with named values, as text") {
  CHECK(
      text_of("listening",
              {{"address", "127.0.0.1"}, {"port", 8080}, {"ready", true}, {"rate", 0.5}, {"seq", uint64_t{1} << 63}}) ==
      "1970-01-01T00:00:00.000Z info listening address=127.0.0.1 port=8080 ready=true rate=0.5 "
      "seq=9223372036854775808\n");
  CHECK(text_of("plain", {}) == "1970-01-01T00:00:00.000Z info plain\n");
}

TEST_CASE("the same line as JSON") {
  CHECK(json_of("listening", {{"address", "127.0.0.1"}, {"port", -1}, {"ready", false}, {"rate", 0.5}}) ==
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warning\",\"message\":\"listening\",\"address\":\"127.0.0."
        "1\","
        "\"port\":-1,\"ready\":false,\"rate\":0.5}\n");
}

TEST_CASE("a value cannot begin a line of its own or pretend to be another value") {
  CHECK(text_of("a", {{"user", "x\n1970 error forged"}}) ==
        "1970-01-01T00:00:00.000Z info a user=\"x\\u000a1970 error forged\"\n");
  CHECK(text_of("a", {{"user", "x admin=true"}}) == "1970-01-01T00:00:00.000Z info a user=\"x admin=true\"\n");
  CHECK(text_of("a", {{"user", ""}}) == "1970-01-01T00:00:00.000Z info a user=\"\"\n");
  CHECK(text_of("a", {{"user", "x=\"y\""}}) == "1970-01-01T00:00:00.000Z info a user=\"x=\\u0022y\\u0022\"\n");
  CHECK(text_of("two\nlines", {}) == "1970-01-01T00:00:00.000Z info two lines\n");
}

TEST_CASE("a line of JSON is JSON whatever it carries") {
  simdjson::dom::parser parser;
  for (const auto& value :
       {std::string{"\xff\xfe"}, std::string{"\0\x01\x1f\"\\", 5}, std::string{"\xed\xa0\x80"},
        std::string(10'000, '\xc3'), std::string(100'000, 'x'), std::string{"gr\xc3\xbc\xc3\x9f"}}) {
    const auto line = json_of(value, {{"value", value}, {"number", std::numeric_limits<double>::quiet_NaN()}});
    CHECK(line.size() < 32'000);
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(parser.parse(line).error() == simdjson::SUCCESS);
  }
  CHECK(json_of("a", {{"value", "gr\xc3\xbc\xc3\x9f"}}).find("gr\xc3\xbc\xc3\x9f") != std::string::npos);
  CHECK(json_of("a", {{"value", "x\xff"}}).find("x?") != std::string::npos);
}

TEST_CASE("lines below the level are not written") {
  Pipe pipe;
  const auto log = log_to(pipe.in(), LogLevel::warning);
  log.debug("one");
  log.info("two");
  log.warning("three");
  log.error("four");
  CHECK_FALSE(log.writes(LogLevel::info));
  const auto all = pipe.read_all();
  CHECK(all.find("one") == std::string::npos);
  CHECK(all.find("two") == std::string::npos);
  CHECK(all.find("warning three\n") != std::string::npos);
  CHECK(all.find("error four\n") != std::string::npos);
}

TEST_CASE("for the journal a line begins with its priority") {
  Pipe pipe;
  const auto log = log_to(pipe.in(), LogLevel::debug, true);
  log.debug("d");
  log.info("i");
  log.warning("w");
  log.error("e");
  const auto all = pipe.read_all();
  for (const auto* start : {"<7>", "\n<6>", "\n<4>", "\n<3>"}) CHECK(all.find(start) != std::string::npos);
}

TEST_CASE("lines of several threads do not mix") {
  Pipe pipe;
  const auto log = log_to(pipe.in());
  std::vector<std::thread> threads;
  std::string all;
  std::thread reader;
  for (char name = 'a'; name < 'e'; ++name) {
    threads.emplace_back([&log, name] {
      for (int at = 0; at < 50; ++at) log.info(std::string(200, name));
    });
  }
  for (auto& thread : threads) thread.join();  // 40 000 bytes fit into a pipe
  all = pipe.read_all();
  std::size_t lines = 0, mixed = 0;
  for (std::size_t begin = 0, end; (end = all.find('\n', begin)) != std::string::npos; begin = end + 1, ++lines) {
    const auto sentence = all.substr(end - 200, 200);
    mixed += sentence != std::string(200, sentence[0]);
  }
  CHECK(lines == 200);
  CHECK(mixed == 0);
}

TEST_CASE("a log that cannot be written does not stop the server") { log_to(-1).error("nobody hears this"); }

TEST_CASE("the journal is recognised by its inode, not by a variable that children inherit") {
  Pipe pipe;
  struct stat status {};
  REQUIRE(::fstat(pipe.in(), &status) == 0);
  const auto mine = fmt::format("{}:{}", status.st_dev, status.st_ino);
  CHECK(Log::goes_to_journal(pipe.in(), mine.c_str()));
  CHECK_FALSE(Log::goes_to_journal(pipe.in(), "1:2"));
  CHECK_FALSE(Log::goes_to_journal(pipe.in(), ""));
  CHECK_FALSE(Log::goes_to_journal(pipe.in(), nullptr));
  CHECK_FALSE(Log::goes_to_journal(-1, mine.c_str()));
}

TEST_CASE("levels and formats have names, both ways") {
  for (const auto* word : {"debug", "info", "warning", "error"}) CHECK(core::name(*core::log_level(word)) == word);
  CHECK_FALSE(core::log_level("loud").has_value());
  CHECK(core::log_format("json") == LogFormat::json);
  CHECK_FALSE(core::log_format("xml").has_value());
}
