#include "perf/bench/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/spelling.hpp"

namespace bench {

namespace {

constexpr std::size_t flag_columns = 28;
constexpr uint32_t cpu_max = 1023;

template <class Number>
std::optional<Number> parsed(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Number>
std::string take_within(std::string_view text, Number min, Number max, Number& out) {
  const auto value = parsed<Number>(text);
  if (!value || !(*value >= min && *value <= max)) return fmt::format("a number from {} to {}", min, max);
  out = *value;
  return {};
}

}  // namespace

void CommandLine::add(std::string_view flag, std::string_view value_name, std::string_view help, Take take) {
  options_.push_back({flag, value_name, help, std::move(take)});
}

const CommandLine::Option* CommandLine::find(std::string_view flag) const {
  const auto found = std::ranges::find(options_, flag, &Option::flag);
  return found == options_.end() ? nullptr : &*found;
}

core::Status CommandLine::read(std::span<const char* const> words) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string_view word = words[at];
    if (word == "--help" || word == "-h") {
      help_wanted_ = true;
      return {};
    }
    const auto equals = word.find('=');
    const auto flag = word.substr(0, equals);
    if (find(flag) == nullptr) return unknown(flag);
    if (equals == word.npos && ++at == words.size()) return {fmt::format("{} needs a value", flag)};
    const auto value = equals == word.npos ? std::string_view{words[at]} : word.substr(equals + 1);
    if (auto taken = take(flag, value); !taken) return taken;
  }
  return {};
}

core::Status CommandLine::take(std::string_view flag, std::string_view value) const {
  const auto wanted = find(flag)->take(value);
  if (wanted.empty()) return {};
  return {fmt::format("{} must be {}, not \"{}\"", flag, wanted, value)};
}

core::Status CommandLine::unknown(std::string_view flag) const {
  std::vector<std::string_view> flags{"--help"};
  for (const auto& option : options_) flags.push_back(option.flag);
  auto sentence = fmt::format("unknown option {}", flag);
  if (const auto likely = core::likely_spelling(flag, flags)) sentence += fmt::format("; did you mean {}?", *likely);
  return {sentence};
}

std::string CommandLine::usage() const {
  auto text = fmt::format("{}: {}\n\nusage: {} [option value]...\n\n", program_, purpose_, program_);
  for (const auto& option : options_) {
    text +=
        fmt::format("  {:<{}}{}\n", fmt::format("{} {}", option.flag, option.value_name), flag_columns, option.help);
  }
  return text + fmt::format(
                    "  {:<{}}this page\n\nexit status: 0 good, 1 something is wrong and stderr says what, "
                    "2 the command line cannot be understood\n",
                    "--help", flag_columns);
}

CommandLine::Take text(std::string& out) {
  return [&out](std::string_view value) {
    out = value;
    return std::string{value.empty() ? "something" : ""};
  };
}

CommandLine::Take number(uint32_t& out, uint32_t min, uint32_t max) {
  return [&out, min, max](std::string_view value) { return take_within(value, min, max, out); };
}

CommandLine::Take number(uint64_t& out) {
  return [&out](std::string_view value) { return take_within<uint64_t>(value, 0, UINT64_MAX, out); };
}

CommandLine::Take decimal(double& out, double min, double max) {
  return [&out, min, max](std::string_view value) { return take_within(value, min, max, out); };
}

CommandLine::Take port(uint16_t& out) {
  return [&out](std::string_view value) { return take_within<uint16_t>(value, 0, UINT16_MAX, out); };
}

CommandLine::Take address(net::IpAddress& out) {
  return [&out](std::string_view value) {
    const auto found = net::IpAddress::parse(value);
    if (found) out = *found;
    return std::string{found ? "" : "an IPv4 or IPv6 address"};
  };
}

CommandLine::Take cpus(std::vector<uint32_t>& out) {
  return [&out](std::string_view value) -> std::string {
    out.clear();
    for (std::size_t from = 0; from <= value.size();) {
      const auto comma = std::min(value.find(',', from), value.size());
      uint32_t cpu = 0;
      if (!take_within(value.substr(from, comma - from), 0u, cpu_max, cpu).empty()) return "processors like 1 or 0,2";
      out.push_back(cpu);
      from = comma + 1;
    }
    return {};
  };
}

CommandLine::Take word(std::vector<std::string_view> words, std::function<void(std::size_t)> out) {
  return [words = std::move(words), out = std::move(out)](std::string_view value) {
    const auto found = std::ranges::find(words, value);
    if (found == words.end()) return fmt::format("one of {}", fmt::join(words, ", "));
    out(static_cast<std::size_t>(found - words.begin()));
    return std::string{};
  };
}

}  // namespace bench
