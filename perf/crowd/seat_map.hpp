// The map as a person sees it, and how a person chooses from it: neighbours near the front, or a standing place.
// Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace crowd {

using Random = std::mt19937_64;

struct SeatMap {
  struct Row {
    std::string section, row;
    int64_t first = 1;  // number of the first seat
    std::string seats;  // one character a seat: . h x -
  };
  struct Standing {
    std::string section;
    int64_t available = 0;
  };
  int64_t version = 0;
  std::vector<Row> rows;
  std::vector<Standing> standing;
};

// The body of GET .../seats; empty when it is not a map.
std::optional<SeatMap> parse_seat_map(const std::string& body);

// What is asked of POST .../holds: seats by name, or a quantity of a standing section.
struct Pick {
  std::vector<std::string> seats;
  std::string section;
  uint32_t quantity = 0;
  bool named() const { return !seats.empty(); }
};

std::string render_pick(const Pick& pick);

// Up to `places` free neighbours (fewer when nothing better is left), or standing places when `prefers_standing` and
// there are some, or the other kind when one is gone. Empty: nothing is free.
std::optional<Pick> choose(const SeatMap& map, uint32_t places, bool prefers_standing, Random& random);

// True when a numbered seat is held by somebody: it may come back.
bool shows_held(const SeatMap& map);

// One seat that the map shows as held or sold; empty when there is none.
std::optional<Pick> choose_taken(const SeatMap& map, Random& random);

}  // namespace crowd
