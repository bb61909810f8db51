// The Redis scripts as they travel inside the program: one decision a file in lua/.
//
// The first line of a script names its keys in order (`-- KEYS: meta line active`); a batch script has a second line
// `-- WIDTH: 3`, the number of arguments an item takes; `-- USES: clock records` puts the shared parts _clock.lua and
// _records.lua in front of it (only what it uses: a function costs Redis its making at each call). Key <x> of event e
// is `{e}:<x>`; ARGV[1] is the epoch. Ownership: immutable after construction; app builds one and hands references
// down. Thread: any.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lua {

struct Script {
  std::string name;
  std::string source;             // as loaded
  std::string sha1;               // 40 hex digits, what EVALSHA names
  std::vector<std::string> keys;  // without the event's prefix
  uint32_t width = 0;             // arguments an item; 0: not a batch script
};

// "{event}:key"
std::string key_of(std::string_view event, std::string_view key);

class Scripts {
 public:
  Scripts();
  const Script& operator[](std::string_view name) const;  // asserts that it exists
  std::span<const Script> all() const { return scripts_; }

 private:
  std::vector<Script> scripts_;  // sorted by name
};

}  // namespace lua
