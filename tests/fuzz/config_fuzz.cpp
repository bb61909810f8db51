// A node's configuration from any text. Properties:
// - it is accepted or refused; a refusal is one line for each problem, and each names the file, or line and column of a
//   place that is in the text;
// - what is accepted is, as effective_config writes it, TOML with the same values.
// Files: the secrets lie in a folder of the target's own. A text that names a file elsewhere is not tried.
// Input: the text.

#include <charconv>
#include <cstdlib>
#include <string>

#include "app/config.hpp"
#include "app/config_reader.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/unit/app/secrets_folder.hpp"

namespace {

constexpr std::string_view name = "onsaled.toml";

const SecretsFolder& folder() {
  static const SecretsFolder made;
  return made;
}

bool leads_elsewhere(std::string_view path) { return path.find('/') != path.npos || path.find("..") != path.npos; }

bool names_file_elsewhere(std::string_view text) {
  const auto parsed = toml::parse(text);
  if (!parsed) return false;
  for (const auto& [key, section] : parsed.table()) {
    const auto* table = section.as_table();
    if (!table) continue;
    for (const auto& [entry, node] : *table) {
      const auto path = node.value<std::string_view>();
      if (entry.str().ends_with("_file") && path && leads_elsewhere(*path)) return true;
    }
  }
  return false;
}

// Takes "<number>:" from the front; 0 when there is none.
std::size_t take_number(std::string_view& line) {
  std::size_t number = 0;
  const auto end = std::from_chars(line.data(), line.data() + line.size(), number).ptr;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (!line.starts_with(':')) return 0;
  line.remove_prefix(1);
  return number;
}

// "<file>: sentence" or "<file>:<line>:<column>: sentence"
void check_problem(std::string_view line, std::size_t lines) {
  ONSALE_ASSERT(line.starts_with(name) && line.size() > name.size() + 2);
  line.remove_prefix(name.size() + 1);
  if (line.front() == ' ') return;
  const auto number = take_number(line), column = take_number(line);
  ONSALE_ASSERT(number >= 1 && number <= lines && column >= 1);
  ONSALE_ASSERT(line.starts_with(' ') && line.size() > 1);
}

void check_problems(std::string_view problems, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  ONSALE_ASSERT(!problems.empty());
  while (!problems.empty()) {
    const auto line = problems.substr(0, problems.find('\n'));
    check_problem(line, lines);
    problems.remove_prefix(std::min(problems.size(), line.size() + 1));
  }
}

void check_effective(const app::Config& config) {
  const auto text = app::effective_config(config);
  const auto parsed = toml::parse(text);
  ONSALE_ASSERT(parsed);
  const auto& table = parsed.table();
  ONSALE_ASSERT(table["server"]["port"].value_or(0) == config.server.port);
  ONSALE_ASSERT(table["redis"]["username"].value_or(std::string_view{}) == config.redis.username);
  const auto redis = config.redis.unix_path.empty() ? table["redis"]["host"] : table["redis"]["unix_path"];
  ONSALE_ASSERT(redis.value_or(std::string_view{}) ==
                (config.redis.unix_path.empty() ? config.redis.host : config.redis.unix_path));
  ONSALE_ASSERT(table["kafka"]["brokers"].value_or(std::string_view{}) == config.kafka.brokers);
  ONSALE_ASSERT(table["identity"]["trusted_proxies"].as_array()->size() == config.identity.trusted_proxies.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const fuzz::Exact text{fuzz::text_of(data, size), 0, '\0'};
  if (names_file_elsewhere(text.view())) return 0;
  const auto config = app::parse_config(text.view(), std::string{name}, folder().path());
  if (config) {
    check_effective(*config.value);
  } else {
    check_problems(config.problem, text.view());
  }
  return 0;
}
