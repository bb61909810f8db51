// A strict command line, for the programs around the server: every option has a value, an unknown one is named together
// with its likely spelling, and a value that does not fit says what would. The same table gives --help. An option may
// also be a variable of the environment: the command line wins over it, it wins over the default, and an empty one is
// none. Ownership: writes through the references its values were made of; they outlive read(). Thread: one.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace core {

namespace option {

struct Value {
  // Takes the value, or says what it must be ("a number from 1 to 65535"); empty: taken.
  using Take = std::function<std::string(std::string_view value)>;

  Take take;
  std::string initial;  // what --help calls the default; empty: no word of it

  Value otherwise(std::string words) && { return {std::move(take), std::move(words)}; }  // the default, in words
};

// What `out` holds when one of these is made is its default.
Value text(std::string& out);
Value text_or_empty(std::string& out);
Value number(uint32_t& out, uint32_t min, uint32_t max);
Value number(uint64_t& out);
Value decimal(double& out, double min, double max);
Value port(uint16_t& out);
Value word(std::span<const std::string_view> words, std::size_t initial, std::function<void(std::size_t)> out);

template <class Enum>  // counts from 0, as the words do; they are not copied
Value word(std::span<const std::string_view> words, Enum& out) {
  return word(words, static_cast<std::size_t>(out), [&out](std::size_t at) { out = static_cast<Enum>(at); });
}

}  // namespace option

class CommandLine {
 public:
  using Environment = std::function<const char*(const char* name)>;  // std::getenv in a program

  struct About {
    std::string_view program, purpose, exit_statuses;
  };

  explicit CommandLine(About about) : about_{about} {}

  void add(std::string_view flag, std::string_view value_name, std::string_view help, option::Value value,
           const char* variable = nullptr);
  Status read(std::span<const char* const> words, const Environment& environment = {});  // without the program
  bool help_wanted() const { return help_wanted_; }  // then nothing else is to be believed
  std::string usage() const;

 private:
  struct Option {
    std::string_view flag, value_name, help;
    option::Value value;
    const char* variable;
    bool said = false;
  };
  Status read_words(std::span<const char* const> words);
  Status read_variables(const Environment& environment);
  Status unknown(std::string_view flag) const;
  Option* find(std::string_view flag);

  About about_;
  std::vector<Option> options_;
  bool help_wanted_ = false;
};

}  // namespace core
