// The table of hostile HTTP (vectors.txt) as values: what is sent, and what must come of it.
// Ownership: values. Thread: any.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hostile {

struct Expected {
  std::string method, target, body;  // target: path and query, as they were sent
  bool operator==(const Expected&) const = default;
};

// What comes behind the requests of a vector.
enum class End : uint8_t { open, refused, closes, waits };

// How the second opinion differs from ours.
enum class Beast : uint8_t { agrees, accepts, refuses, waits };

struct Vector {
  std::string group, name, source, bytes;
  std::vector<Expected> requests;
  End end = End::open;
  int status = 0;  // of the refusal
  Beast beast = Beast::agrees;
};

// The whole table, read once. A line that cannot be read throws and says which.
const std::vector<Vector>& vectors();

}  // namespace hostile
