#include "lua/scripts.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "core/assert.hpp"

namespace embedded {
extern const std::pair<std::string_view, std::string_view> scripts[];
extern const unsigned scripts_size;
}  // namespace embedded

namespace lua {
namespace {

std::string sha1_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  ONSALE_ASSERT(EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha1(), nullptr) == 1);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

// The rest of the line that starts with `label`; empty when there is none.
std::string_view header(std::string_view source, std::string_view label) {
  auto at = source.find(label);
  if (at == std::string_view::npos) return {};
  at += label.size();
  return source.substr(at, source.find('\n', at) - at);
}

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> found;
  while (!line.empty()) {
    auto end = std::min(line.find(' '), line.size());
    if (end > 0) found.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return found;
}

using Files = std::span<const std::pair<std::string_view, std::string_view>>;

std::string_view part(Files files, std::string_view name) {
  auto found = std::ranges::find(files, "_" + std::string{name}, [](auto& file) { return file.first; });
  ONSALE_ASSERT(found != files.end());
  return found->second;
}

Script script(Files files, std::string_view name, std::string_view body) {
  Script made;
  made.name = name;
  for (const auto& used : words(header(body, "-- USES:"))) made.source += part(files, used);
  made.source += body;
  made.sha1 = sha1_hex(made.source);
  made.keys = words(header(body, "-- KEYS:"));
  auto width = words(header(body, "-- WIDTH:"));
  made.width = width.empty() ? 0 : static_cast<uint32_t>(std::stoul(width.front()));
  ONSALE_ASSERT(!made.keys.empty());
  return made;
}

}  // namespace

std::string key_of(std::string_view event, std::string_view key) {
  std::string made;
  made.reserve(event.size() + key.size() + 3);
  return made.append("{").append(event).append("}:").append(key);
}

Scripts::Scripts() {
  Files files{embedded::scripts, embedded::scripts_size};
  for (const auto& [name, body] : files)
    if (!name.starts_with('_')) scripts_.push_back(script(files, name, body));
  std::ranges::sort(scripts_, {}, &Script::name);
}

const Script& Scripts::operator[](std::string_view name) const {
  auto found =
      std::ranges::lower_bound(scripts_, name, {}, [](const Script& one) { return std::string_view{one.name}; });
  ONSALE_ASSERT(found != scripts_.end() && found->name == name);
  return *found;
}

}  // namespace lua
