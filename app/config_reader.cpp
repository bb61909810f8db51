#include "app/config_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/config.hpp"
#include "core/spelling.hpp"

namespace app {

namespace {

std::string unknown(std::string_view kind, std::string_view word, const std::vector<std::string_view>& known) {
  auto sentence = fmt::format("unknown {}", word);
  if (const auto likely = core::likely_spelling(kind, known)) {
    sentence += fmt::format("; did you mean \"{}\"?", *likely);
  }
  return sentence;
}

}  // namespace

// A key or a path may hold line ends; one problem stays one line.
void ConfigProblems::add(const toml::source_region& where, std::string sentence) {
  std::ranges::replace_if(
      sentence, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  found_.push_back({where.begin, std::move(sentence)});
}

std::string ConfigProblems::text() const {
  auto ordered = found_;
  std::ranges::stable_sort(ordered, {}, &Problem::where);
  std::string lines;
  for (const auto& [where, sentence] : ordered) {
    if (!lines.empty()) lines += '\n';
    lines += where.line == 0 ? fmt::format("{}: {}", file_, sentence)
                             : fmt::format("{}:{}:{}: {}", file_, where.line, where.column, sentence);
  }
  return lines;
}

ConfigSection::~ConfigSection() {
  if (!table_) return;
  for (const auto& [key, value] : *table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    problems_.add(key.source(), unknown(key.str(), fmt::format("key \"{}\" in [{}]", key.str(), name_), known_));
  }
}

const toml::node* ConfigSection::take(std::string_view key) {
  known_.push_back(key);
  return table_ ? table_->get(key) : nullptr;
}

void ConfigSection::require(std::string_view key) {
  if (has(key)) return;
  auto sentence = fmt::format("[{}] lacks the key \"{}\"", name_, key);
  if (table_) {
    problems_.add(table_->source(), std::move(sentence));
  } else {
    problems_.add(std::move(sentence));
  }
}

void ConfigSection::fail(std::string_view key, std::string_view what) {
  const auto* node = table_ ? table_->get(key) : nullptr;
  problems_.add(node ? node->source() : toml::source_region{}, fmt::format("{}.{} {}", name_, key, what));
}

void ConfigSection::text(std::string_view key, std::string& out, Judge valid, std::string_view form) {
  const auto* node = take(key);
  if (!node) return;
  const auto value = node->value_exact<std::string>();
  if (!value) return fail(key, "must be a text in quotes");
  if (valid && !valid(*value)) return fail(key, fmt::format("must be {}", form));
  out = *value;
}

bool ConfigSection::texts(std::string_view key, std::vector<std::string>& out, Judge valid, std::string_view form) {
  const auto* node = take(key);
  if (!node) return true;
  const auto* array = node->as_array();
  if (!array) {
    fail(key, "must be an array of texts");
    return false;
  }
  std::vector<std::string> values;
  for (const auto& item : *array) {
    const auto value = item.value_exact<std::string>();
    if (value && valid(*value)) {
      values.push_back(*value);
    } else {
      problems_.add(item.source(), fmt::format("{}.{} must hold {}", name_, key, form));
    }
  }
  const bool good = values.size() == array->size();
  if (good) out = std::move(values);
  return good;
}

void ConfigSection::duration_ms(std::string_view key, int64_t& out, int64_t low_ms, int64_t high_ms) {
  const auto* node = take(key);
  if (!node) return;
  const auto text = node->value_exact<std::string>();
  const auto value = text ? parse_duration_ms(*text) : std::nullopt;
  if (!value) return fail(key, "must be a duration with its unit, such as \"250ms\", \"2s\" or \"5m\"");
  if (*value < low_ms || *value > high_ms) {
    return fail(key, fmt::format("must be from \"{}ms\" to \"{}ms\"", low_ms, high_ms));
  }
  out = *value;
}

std::optional<int64_t> ConfigSection::integer_of(std::string_view key, int64_t low, int64_t high) {
  const auto* node = take(key);
  if (!node) return std::nullopt;
  const auto value = node->value_exact<int64_t>();
  if (value && *value >= low && *value <= high) return value;
  fail(key, fmt::format("must be an integer from {} to {}", low, high));
  return std::nullopt;
}

std::optional<std::size_t> ConfigSection::choice_of(std::string_view key,
                                                    std::initializer_list<std::string_view> words) {
  const auto* node = take(key);
  if (!node) return std::nullopt;
  const auto value = node->value_exact<std::string>();
  const auto* found = value ? std::ranges::find(words, std::string_view{*value}) : words.end();
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  fail(key, fmt::format("must be \"{}\"", fmt::join(words, "\" or \"")));
  return std::nullopt;
}

ConfigReader::~ConfigReader() {
  for (const auto& [key, value] : root_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    const auto what = value.is_table() ? fmt::format("section [{}]", key.str())
                                       : fmt::format("key \"{}\" outside of any section", key.str());
    problems_.add(key.source(), unknown(key.str(), what, known_));
  }
}

ConfigSection ConfigReader::section(std::string_view name) {
  known_.push_back(name);
  const auto* node = root_.get(name);
  const auto* table = node ? node->as_table() : nullptr;
  if (node && !table) problems_.add(node->source(), fmt::format("\"{}\" must be a section, [{}]", name, name));
  return {name, table, problems_};
}

}  // namespace app
