// Definitions of events, as an operator PUTs them. Properties:
// - what is accepted, written down again from the parsed event, is accepted and gives the same event;
// - the verdict does not depend on what lies behind the body; a member nobody knows changes nothing, and one that is
//   used and stands there twice is refused;
// - a refusal is one line of text;
// - every row's first and last seat has an id that leads back to it, and the limits of seats and prices hold.
// Input: the definition.
#include <fmt/format.h>

#include <optional>
#include <string>

#include "core/event.hpp"
#include "core/time.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using core::Event;

// Only what a JSON text cannot hold as it is; the parser has seen to it that the rest is UTF-8 without controls.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string section_json(const core::Section& section) {
  auto out =
      fmt::format(R"({{"id":{},"name":{},"amount":{},)", quoted(section.id), quoted(section.name), section.amount);
  if (section.general) return out + fmt::format(R"("general":{}}})", section.seats);
  out += R"("rows":[)";
  for (const auto& row : section.rows) {
    out += fmt::format(R"({{"row":{},"first":{},"seats":{}}},)", quoted(row.name), row.first, row.seats);
  }
  out.back() = ']';
  return out + "}";
}

std::string instants_json(const Event& event) {
  auto out = fmt::format(R"("opens_at":"{}")", core::rfc3339(event.opens_at_ms));
  auto more = [&](std::string_view member, std::optional<int64_t> at_ms) {
    if (at_ms) out += fmt::format(R"(,"{}":"{}")", member, core::rfc3339(*at_ms));
  };
  more("closes_at", event.closes_at_ms);
  more("lobby_at", event.lobby_at_ms);
  more("warm_at", event.warm_at_ms);
  return out;
}

std::string rules_json(const Event& event) {
  const auto& [rate_per_s, active_max, active_ttl_s, orders_per_admission] = event.admission;
  std::string tiers;
  for (const auto& [tier, weight] : event.line.priority) {
    tiers += fmt::format("{}{}:{}", tiers.empty() ? "" : ",", quoted(tier), weight);
  }
  const auto& holds = event.holds;
  return fmt::format(R"("admission":{{"rate_per_s":{},"active_max":{},"active_ttl_s":{},"orders_per_admission":{}}},)",
                     rate_per_s, active_max, active_ttl_s, orders_per_admission) +
         fmt::format(R"("line":{{"window_ms":{},"no_show_grace_s":{},"reform_s":{},"priority":{{{}}}}},)",
                     event.line.window_ms, event.line.no_show_grace_s, event.line.reform_s, tiers) +
         fmt::format(R"("holds":{{"ttl_s":{},"extensions":{},"payment_cap_s":{},"seats_per_user":{},)", holds.ttl_s,
                     holds.extensions, holds.payment_cap_s, holds.seats_per_user) +
         fmt::format(R"("release_window_s":{}}})", holds.release_window_s);
}

// The whole definition, every default written out.
std::string json(const Event& event) {
  auto out = fmt::format(R"({{"name":{},"venue":{},"currency":{},{},"sections":[)", quoted(event.name),
                         quoted(event.venue), quoted(event.currency), instants_json(event));
  for (const auto& section : event.sections) out += section_json(section) + ",";
  out.back() = ']';
  return out + "," + rules_json(event) + "}";
}

core::Checked<Event> parse(std::string_view definition) {
  const fuzz::Exact memory{definition, 0, '\0'};
  return core::parse_event("e", memory.view());
}

// The event as text, or the problem.
std::string verdict(std::string_view definition) {
  auto parsed = parse(definition);
  return parsed ? json(*parsed) : parsed.problem;
}

void check_seats(const Event& event) {
  ONSALE_ASSERT(event.seat_count > 0 && event.seat_count <= core::limits::seats_max);
  uint32_t seats = 0;
  for (const auto& section : event.sections) {
    ONSALE_ASSERT(event.section(section.id) == &section && section.amount >= 0 && section.seat_base == seats);
    for (const auto& row : section.rows) {
      ONSALE_ASSERT(row.seat_base == seats && row.seats > 0);
      seats += row.seats;
      for (const auto seat : {row.seat_base, row.seat_base + row.seats - 1}) {
        ONSALE_ASSERT(event.seat_index(event.seat_id(seat)) == seat && &event.section_of(seat) == &section);
      }
    }
  }
  ONSALE_ASSERT(seats == event.seat_count);
}

void check_accepted(std::string_view definition, const std::string& written) {
  ONSALE_ASSERT(verdict(written) == written);
  auto with_member = [&](std::string_view member) {
    const auto brace = definition.find('{');
    return std::string{definition.substr(0, brace + 1)}.append(member).append(definition.substr(brace + 1));
  };
  const auto unknown = with_member(R"("nobody knows":[{"name":1}],)");
  if (unknown.size() <= core::limits::definition_bytes_max) ONSALE_ASSERT(verdict(unknown) == written);
  ONSALE_ASSERT(!parse(with_member(R"("name":"n","name":"n",)")));
  ONSALE_ASSERT(!parse(with_member(R"("opens_at":"2026-11-20T10:00:00Z","opens_at":"2026-11-20T10:00:00Z",)")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const auto definition = fuzz::text_of(data, size);
  auto parsed = parse(definition);
  const fuzz::Exact before_others{definition, 64, '"'};
  auto again = core::parse_event("e", before_others.view());
  ONSALE_ASSERT(parsed.problem == again.problem);
  if (!parsed) {
    ONSALE_ASSERT(!parsed.problem.empty() && parsed.problem.find_first_of("\r\n") == parsed.problem.npos);
    return 0;
  }
  const auto written = json(*parsed);
  ONSALE_ASSERT(json(*again) == written);
  check_seats(*parsed);
  check_accepted(definition, written);
  return 0;
}
