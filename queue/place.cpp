#include "queue/place.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace queue {
namespace {

constexpr std::array<std::string_view, 9> state_names{"lobby", "waiting", "paused", "admitted", "sold_out",
                                                      "done",  "expired", "closed", ""};

Place::State state_of(std::string_view word) {
  for (std::size_t at = 0; at + 1 < state_names.size(); ++at)
    if (state_names[at] == word) return static_cast<Place::State>(at);
  return Place::State::none;
}

int64_t number_at(const net::resp::View& reply, uint32_t index) { return reply[index].number().value_or(0); }

void read_members(Place& place, const net::resp::View& reply) {
  switch (place.state) {
    case Place::State::waiting:
    case Place::State::paused:
      place.number = number_at(reply, 1);
      place.position = number_at(reply, 2);
      place.total = number_at(reply, 3);
      place.created = number_at(reply, 4) == 1;
      break;
    case Place::State::lobby:
    case Place::State::sold_out:
      place.number = number_at(reply, 1);
      place.created = number_at(reply, 2) == 1;
      break;
    case Place::State::admitted:
      place.deadline_ms = number_at(reply, 1);
      break;
    default:
      break;
  }
}

// People ahead let in at the rate the operator set; a third more for what slows a sale down.
void write_estimate(Json& json, const Place& place, const core::Event& event) {
  if (place.position == 0 || place.state == Place::State::paused || event.admission.rate_per_s <= 0) {
    json.key("estimated_wait_s").null().key("estimated_wait_high_s").null();
    return;
  }
  const double wait_s = static_cast<double>(place.position) / event.admission.rate_per_s;
  json.member("estimated_wait_s", static_cast<int64_t>(std::ceil(wait_s)));
  json.member("estimated_wait_high_s", static_cast<int64_t>(std::ceil(wait_s * 1.3)));
}

}  // namespace

std::string_view name(Place::State state) { return state_names[static_cast<std::size_t>(state)]; }

core::Result<Place> Place::decode(const net::resp::View& reply) noexcept {
  Place place;
  place.verdict = Verdict::read(reply);
  if (place.verdict.kind == Verdict::Kind::stale) return {place};
  // The states come first: "sold_out" is one of them here and a refusal's word elsewhere.
  place.state = state_of(reply[0].text());
  if (place.state == State::none) {
    if (place.verdict.kind != Verdict::Kind::refused) return {{}, core::Error::protocol};
    return {place};
  }
  place.verdict.kind = Verdict::Kind::ok;
  read_members(place, reply);
  return {place};
}

int64_t next_poll_s(int64_t position, uint32_t draw) {
  const int64_t base_s = position > 100'000 ? 60 : position > 10'000 ? 30 : position > 1'000 ? 5 : 1;
  const int64_t spread_s = base_s / 10;
  if (spread_s == 0) return base_s;
  return base_s - spread_s + static_cast<int64_t>(draw % static_cast<uint32_t>(2 * spread_s + 1));
}

int64_t lobby_poll_s(int64_t opens_at_ms, int64_t now_ms, uint32_t draw) {
  return std::clamp<int64_t>((opens_at_ms - now_ms) / 1000 + 1, 1, 30) + static_cast<int64_t>(draw % 3);
}

void write_place(Json& json, const Place& place, const core::Event& event, std::string_view admission, int64_t now_ms,
                 uint32_t draw) {
  json.member("state", name(place.state));
  switch (place.state) {
    case Place::State::waiting:
    case Place::State::paused:
      if (place.position > 0) {
        json.member("position", place.position).member("total", place.total);
      } else {
        json.key("position").null().member("total", place.total);
      }
      write_estimate(json, place, event);
      json.member("next_poll_s", next_poll_s(place.position, draw));
      break;
    case Place::State::lobby:
      json.key("opens_at").instant(event.opens_at_ms);
      json.member("next_poll_s", lobby_poll_s(event.opens_at_ms, now_ms, draw));
      break;
    case Place::State::admitted:
      json.member("admission", admission).key("expires_at").instant(place.deadline_ms);
      break;
    default:
      break;
  }
}

}  // namespace queue
