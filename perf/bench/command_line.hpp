// A strict command line: every option has a value, an unknown one is named together with its likely spelling, and a
// value that does not fit says what would. The same table gives --help.
// Ownership: writes through the pointers it was given; they outlive read(). Thread: one.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "net/address.hpp"

namespace bench {

inline constexpr uint32_t threads_max = 256;

class CommandLine {
 public:
  // Takes the value, or says what it must be ("a number from 1 to 65535"); empty: taken.
  using Take = std::function<std::string(std::string_view value)>;

  CommandLine(std::string_view program, std::string_view purpose) : program_{program}, purpose_{purpose} {}

  void add(std::string_view flag, std::string_view value_name, std::string_view help, Take take);
  core::Status read(std::span<const char* const> words);  // without the program's name
  bool help_wanted() const { return help_wanted_; }
  std::string usage() const;

 private:
  struct Option {
    std::string_view flag, value_name, help;
    Take take;
  };
  core::Status take(std::string_view flag, std::string_view value) const;
  core::Status unknown(std::string_view flag) const;
  const Option* find(std::string_view flag) const;

  std::string_view program_, purpose_;
  std::vector<Option> options_;
  bool help_wanted_ = false;
};

CommandLine::Take text(std::string& out);
CommandLine::Take number(uint32_t& out, uint32_t min, uint32_t max);
CommandLine::Take number(uint64_t& out);
CommandLine::Take decimal(double& out, double min, double max);
CommandLine::Take port(uint16_t& out);
CommandLine::Take address(net::IpAddress& out);
CommandLine::Take cpus(std::vector<uint32_t>& out);  // "1" or "1,3": threads take them in turn
// One of the words; `out` gets its place among them.
CommandLine::Take word(std::vector<std::string_view> words, std::function<void(std::size_t)> out);

}  // namespace bench
