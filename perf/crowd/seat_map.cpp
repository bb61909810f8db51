#include "perf/crowd/seat_map.hpp"

#include <algorithm>

#include "core/json_writer.hpp"
#include "perf/crowd/json.hpp"

namespace crowd {
namespace {

std::size_t below(Random& random, std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random);
}

// Rows near the front are wanted more: that is where people get in each other's way.
std::size_t favourite_row(std::size_t rows, Random& random) {
  double toss = std::uniform_real_distribution<double>{0, 1}(random);
  return std::min(rows - 1, static_cast<std::size_t>(toss * toss * static_cast<double>(rows)));
}

std::string seat_id(const SeatMap::Row& row, std::size_t at) {
  return row.section + "-" + row.row + "-" + std::to_string(row.first + static_cast<int64_t>(at));
}

std::optional<Pick> neighbours_in(const SeatMap::Row& row, uint32_t places) {
  auto at = row.seats.find(std::string(places, '.'));
  if (at == std::string::npos) return {};
  Pick pick;
  for (uint32_t next = 0; next < places; ++next) pick.seats.push_back(seat_id(row, at + next));
  return pick;
}

std::optional<Pick> choose_seats(const SeatMap& map, uint32_t places, Random& random) {
  if (map.rows.empty()) return {};
  const std::size_t start = favourite_row(map.rows.size(), random);
  for (; places > 0; --places) {
    for (std::size_t step = 0; step < map.rows.size(); ++step) {
      if (auto pick = neighbours_in(map.rows[(start + step) % map.rows.size()], places)) return pick;
    }
  }
  return {};
}

std::optional<Pick> choose_standing(const SeatMap& map, uint32_t places) {
  for (const auto& section : map.standing) {
    if (section.available <= 0) continue;
    Pick pick;
    pick.section = section.section;
    pick.quantity = static_cast<uint32_t>(std::min<int64_t>(places, section.available));
    return pick;
  }
  return {};
}

void parse_section(json::Element element, SeatMap& map) {
  std::string id = json::text(element, "id");
  if (json::boolean(element, "general")) {
    map.standing.push_back({id, json::integer(element, "available").value_or(0)});
    return;
  }
  for (auto row : json::elements(element, "rows")) {
    map.rows.push_back({id, json::text(row, "row"), json::integer(row, "first").value_or(1), json::text(row, "seats")});
  }
}

}  // namespace

std::optional<SeatMap> parse_seat_map(const std::string& body) {
  json::Document document{body};
  auto version = json::integer(document.root(), "version");
  if (!version || !json::member(document.root(), "sections")) return {};
  SeatMap map;
  map.version = *version;
  for (auto section : json::elements(document.root(), "sections")) parse_section(section, map);
  return map;
}

std::string render_pick(const Pick& pick) {
  std::string body;
  core::JsonWriter<std::string> json{body};
  json.begin_object();
  if (pick.named()) {
    json.key("seats").begin_array();
    for (const auto& seat : pick.seats) json.text(seat);
    json.end_array();
  } else {
    json.member("section", pick.section).member("quantity", static_cast<int64_t>(pick.quantity));
  }
  json.end_object();
  return body;
}

std::optional<Pick> choose(const SeatMap& map, uint32_t places, bool prefers_standing, Random& random) {
  auto pick = prefers_standing ? choose_standing(map, places) : choose_seats(map, places, random);
  if (pick) return pick;
  return prefers_standing ? choose_seats(map, places, random) : choose_standing(map, places);
}

bool shows_held(const SeatMap& map) {
  return std::any_of(map.rows.begin(), map.rows.end(),
                     [](const auto& row) { return row.seats.find('h') != row.seats.npos; });
}

std::optional<Pick> choose_taken(const SeatMap& map, Random& random) {
  if (map.rows.empty()) return {};
  const std::size_t start = below(random, map.rows.size());
  for (std::size_t step = 0; step < map.rows.size(); ++step) {
    const auto& row = map.rows[(start + step) % map.rows.size()];
    auto at = row.seats.find_first_of("hx");
    if (at == std::string::npos) continue;
    Pick pick;
    pick.seats.push_back(seat_id(row, at));
    return pick;
  }
  return {};
}

}  // namespace crowd
