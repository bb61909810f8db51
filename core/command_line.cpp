#include "core/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/spelling.hpp"

namespace core {

namespace {

constexpr std::size_t flag_columns = 28;

// One notation: no sign before a whole number, no spaces, no octal, no number that is none (NaN).
template <class Number>
option::Value number_within(Number min, Number max, Number& out) {
  auto take = [&out, min, max](std::string_view text) -> std::string {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    if (!whole || !(value >= min && value <= max)) return fmt::format("a number from {} to {}", min, max);
    out = value;
    return {};
  };
  return {take, fmt::to_string(out)};
}

Status take(std::string_view name, const option::Value& value, std::string_view said) {
  const auto wanted = value.take(said);
  return wanted.empty() ? Status{} : Status{fmt::format("{} must be {}, not \"{}\"", name, wanted, said)};
}

}  // namespace

namespace option {

Value text(std::string& out) {
  auto take = [&out](std::string_view value) {
    out = value;
    return std::string{value.empty() ? "something" : ""};
  };
  return {take, out};
}

Value text_or_empty(std::string& out) {
  auto take = [&out](std::string_view value) {
    out = value;
    return std::string{};
  };
  return {take, out};
}

Value number(uint32_t& out, uint32_t min, uint32_t max) { return number_within(min, max, out); }
Value number(uint64_t& out) { return number_within<uint64_t>(0, UINT64_MAX, out); }
Value decimal(double& out, double min, double max) { return number_within(min, max, out); }
Value port(uint16_t& out) { return number_within<uint16_t>(0, UINT16_MAX, out); }

Value word(std::span<const std::string_view> words, std::size_t initial, std::function<void(std::size_t)> out) {
  auto take = [words, out = std::move(out)](std::string_view value) {
    const auto found = std::ranges::find(words, value);
    if (found == words.end()) return fmt::format("one of {}", fmt::join(words, ", "));
    out(static_cast<std::size_t>(found - words.begin()));
    return std::string{};
  };
  return {std::move(take), std::string{words[initial]}};
}

}  // namespace option

void CommandLine::add(std::string_view flag, std::string_view value_name, std::string_view help, option::Value value,
                      const char* variable) {
  options_.push_back({flag, value_name, help, std::move(value), variable});
}

CommandLine::Option* CommandLine::find(std::string_view flag) {
  const auto found = std::ranges::find(options_, flag, &Option::flag);
  return found == options_.end() ? nullptr : &*found;
}

Status CommandLine::read(std::span<const char* const> words, const Environment& environment) {
  if (auto status = read_words(words); !status || help_wanted_ || !environment) return status;
  return read_variables(environment);
}

Status CommandLine::read_words(std::span<const char* const> words) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string_view word = words[at];
    const auto equals = word.find('=');
    const auto flag = word.substr(0, equals);
    if (flag == "--help" || flag == "-h") {
      help_wanted_ = true;
      return {};
    }
    auto* option = find(flag);
    if (option == nullptr) return unknown(flag);
    if (equals == word.npos && ++at == words.size()) return {fmt::format("{} needs a value", flag)};
    const auto value = equals == word.npos ? std::string_view{words[at]} : word.substr(equals + 1);
    if (auto taken = take(flag, option->value, value); !taken) return taken;
    option->said = true;
  }
  return {};
}

// What the command line has said already is not even looked at: a bad variable is no obstacle to saying it right.
Status CommandLine::read_variables(const Environment& environment) {
  for (const auto& option : options_) {
    const char* value = option.variable == nullptr || option.said ? nullptr : environment(option.variable);
    if (value == nullptr || *value == '\0') continue;
    if (auto taken = take(option.variable, option.value, value); !taken) return taken;
  }
  return {};
}

Status CommandLine::unknown(std::string_view flag) const {
  std::vector<std::string_view> flags{"--help"};
  for (const auto& option : options_) flags.push_back(option.flag);
  auto sentence = fmt::format("unknown option {}", flag);
  if (const auto likely = likely_spelling(flag, flags)) sentence += fmt::format("; did you mean {}?", *likely);
  return {sentence};
}

std::string CommandLine::usage() const {
  auto text = fmt::format("{}: {}\n\nusage: {} [option value]...\n\n", about_.program, about_.purpose, about_.program);
  for (const auto& option : options_) {
    text += fmt::format("  {:<{}}{}", fmt::format("{} {}", option.flag, option.value_name), flag_columns, option.help);
    if (!option.value.initial.empty()) text += fmt::format("; default {}", option.value.initial);
    if (option.variable != nullptr) text += fmt::format(" [{}]", option.variable);
    text += '\n';
  }
  return text + fmt::format("  {:<{}}this page\n\nexit status: {}\n", "--help", flag_columns, about_.exit_statuses);
}

}  // namespace core
