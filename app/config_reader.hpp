// Reading one TOML file strictly: sections and keys are asked for by name, and whatever nobody asked for is an unknown
// one. Problems are gathered, so an operator sees all of them at once.
// Ownership: sections refer to the reader, which refers to the parsed file. Thread: one.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/toml.hpp"

namespace app {

// Sentences with their place; the file's order, whole-file sentences first.
class ConfigProblems {
 public:
  explicit ConfigProblems(std::string file) : file_{std::move(file)} {}
  void add(const toml::source_region& where, std::string sentence);
  void add(std::string sentence) { add(toml::source_region{}, std::move(sentence)); }
  bool empty() const { return found_.empty(); }
  std::string text() const;  // "<file>:<line>:<column>: <sentence>", one a line

 private:
  struct Problem {
    toml::source_position where;
    std::string sentence;
  };
  std::string file_;
  std::vector<Problem> found_;
};

// One [section]; every reader leaves `out` as it is when the key is absent or wrong.
class ConfigSection {
 public:
  // `table` is null when the file lacks the section.
  ConfigSection(std::string_view name, const toml::table* table, ConfigProblems& problems)
      : name_{name}, table_{table}, problems_{problems} {}
  ~ConfigSection();  // names the keys nobody asked for
  ConfigSection(const ConfigSection&) = delete;
  ConfigSection& operator=(const ConfigSection&) = delete;

  bool has(std::string_view key) const { return table_ && table_->contains(key); }
  void require(std::string_view key);

  using Judge = bool (*)(std::string_view);
  void text(std::string_view key, std::string& out, Judge valid = nullptr, std::string_view form = {});
  bool texts(std::string_view key, std::vector<std::string>& out, Judge valid, std::string_view form);  // false: wrong
  void duration_ms(std::string_view key, int64_t& out, int64_t low_ms, int64_t high_ms);
  template <class Number>
  void integer(std::string_view key, Number& out, int64_t low, int64_t high) {
    if (const auto value = integer_of(key, low, high)) out = static_cast<Number>(*value);
  }
  template <class Value>
  void choice(std::string_view key, Value& out, std::initializer_list<std::string_view> words) {
    if (const auto place = choice_of(key, words)) out = static_cast<Value>(*place);
  }
  // Reports a problem with the value of a key, which is there.
  void fail(std::string_view key, std::string_view what);

 private:
  const toml::node* take(std::string_view key);
  std::optional<int64_t> integer_of(std::string_view key, int64_t low, int64_t high);
  std::optional<std::size_t> choice_of(std::string_view key, std::initializer_list<std::string_view> words);

  std::string_view name_;
  const toml::table* table_;
  ConfigProblems& problems_;
  std::vector<std::string_view> known_;
};

// The file's sections by name; those nobody asked for are named in the end.
class ConfigReader {
 public:
  ConfigReader(const toml::table& root, ConfigProblems& problems) : root_{root}, problems_{problems} {}
  ~ConfigReader();
  ConfigReader(const ConfigReader&) = delete;
  ConfigReader& operator=(const ConfigReader&) = delete;

  ConfigSection section(std::string_view name);

 private:
  const toml::table& root_;
  ConfigProblems& problems_;
  std::vector<std::string_view> known_;
};

}  // namespace app
