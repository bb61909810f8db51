// Reading the contract's definition of an event. The first thing that is wrong is kept as a sentence that names the
// member; after it every further read answers its default at once, so the steps below need no error handling.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <unordered_set>

#include "core/event.hpp"
#include "core/limits.hpp"
#include "core/time.hpp"

namespace core {

namespace {

namespace dom = simdjson::dom;

struct Bounds {
  int64_t low, high;
};

constexpr int64_t day_s = 86'400;
constexpr std::string_view default_currency = "KRW";

// PostgreSQL's jsonb has no \u0000, so such a text could be accepted here and never be stored.
bool has_escaped_nul(std::string_view json) {
  for (auto at = json.find("\\u0000"); at != json.npos; at = json.find("\\u0000", at + 1)) {
    std::size_t backslashes = 1;
    while (backslashes <= at && json[at - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 1) return true;  // an even number: the backslash itself is escaped
  }
  return false;
}

// A text for people: valid UTF-8 (the parser has seen to that) without control characters.
bool printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// One JSON object, the path to it, and the place for the first problem.
class Members {
 public:
  Members(dom::object object, std::string path, std::string& problem)
      : object_{object}, path_{std::move(path)}, problem_{problem} {}

  bool good() const { return problem_.empty(); }
  std::string path_of(std::string_view member) const {
    return path_.empty() ? std::string{member} : fmt::format("{}.{}", path_, member);
  }
  void fail(std::string_view member, std::string_view what) {
    if (good()) problem_ = fmt::format("{} {}", path_of(member), what);
  }

  // A member that appears twice is refused: readers disagree on which of the two counts.
  std::optional<dom::element> find(std::string_view member) {
    std::optional<dom::element> found;
    if (!good()) return found;
    for (const auto field : object_) {
      if (field.key != member) continue;
      if (found) fail(member, "appears twice");
      found = field.value;
    }
    return found;
  }
  std::optional<dom::element> require(std::string_view member) {
    auto found = find(member);
    if (!found) fail(member, "is missing");
    return found;
  }

  int64_t integer(std::string_view member, Bounds bounds, std::optional<int64_t> absent = {}) {
    const auto found = absent ? find(member) : require(member);
    return found ? integer_of(member, *found, bounds) : absent.value_or(bounds.low);
  }
  int64_t integer_of(std::string_view member, dom::element element, Bounds bounds) {
    int64_t value = 0;
    const bool fits = !element.get(value) && value >= bounds.low && value <= bounds.high;
    if (!fits) fail(member, fmt::format("must be an integer from {} to {}", bounds.low, bounds.high));
    return fits ? value : bounds.low;
  }
  double number(std::string_view member, double low, double high, double absent) {
    const auto found = find(member);
    if (!found) return absent;
    double value = absent;
    if (!found->is_number() || found->get(value) || value < low || value > high) {
      fail(member, fmt::format("must be a number from {} to {}", low, high));
    }
    return value;
  }
  std::string title(std::string_view member, std::optional<std::string_view> absent, std::size_t bytes_min) {
    const auto found = absent ? find(member) : require(member);
    if (!found) return std::string{absent.value_or("")};
    std::string_view text;
    const bool fits = !found->get(text) && text.size() >= bytes_min && text.size() <= limits::title_bytes_max;
    if (!fits || !printable(text)) {
      fail(member, fmt::format("must be a text of {} to {} bytes without control characters", bytes_min,
                               limits::title_bytes_max));
    }
    return std::string{text};
  }
  std::string identifier(std::string_view member, bool (*valid)(std::string_view), std::string_view form) {
    const auto found = require(member);
    std::string_view text;
    if (found && (found->get(text) || !valid(text))) fail(member, fmt::format("must match {}", form));
    return std::string{text};
  }
  // An instant; null counts as absent.
  std::optional<int64_t> instant(std::string_view member) {
    const auto found = find(member);
    if (!found || found->is_null()) return std::nullopt;
    std::string_view text;
    const auto value = found->get(text) ? std::nullopt : parse_rfc3339(text);
    if (!value) fail(member, "must be an RFC 3339 instant such as \"2026-11-20T10:00:00.000Z\"");
    return value;
  }
  // The object under `member`; an absent one reads as empty.
  Members object(std::string_view member, const dom::object& empty) {
    const auto found = find(member);
    dom::object value = empty;
    if (found && found->get(value)) fail(member, "must be an object");
    return {value, path_of(member), problem_};
  }
  // Calls `read(Members)` for each object of the array; null when there was a problem before.
  template <class Read>
  void each(std::string_view member, std::size_t size_max, Read read) {
    const auto found = require(member);
    dom::array items;
    if (!found) return;
    if (found->get(items) || items.size() == 0 || items.size() > size_max) {
      return fail(member, fmt::format("must be an array of 1 to {} objects", size_max));
    }
    std::size_t index = 0;
    for (const auto item : items) {
      const auto item_name = fmt::format("{}[{}]", member, index++);
      dom::object value;
      if (item.get(value)) return fail(item_name, "must be an object");
      Members members{value, path_of(item_name), problem_};
      read(members);
      if (!good()) return;
    }
  }
  dom::object fields() const { return object_; }

 private:
  dom::object object_;
  std::string path_;
  std::string& problem_;
};

constexpr std::string_view id_form = "[A-Za-z0-9._-]{1,64}";
constexpr std::string_view row_form = "[A-Za-z0-9._]{1,64}";

std::string read_currency(Members& root) {
  const auto found = root.find("currency");
  if (!found) return std::string{default_currency};
  std::string_view text;
  const bool good =
      !found->get(text) && text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!good) root.fail("currency", "must be an ISO 4217 code such as \"KRW\"");
  return std::string{text};
}

Row read_row(Members& members) {
  Row row;
  row.name = members.identifier("row", valid_row, row_form);
  row.seats = static_cast<uint32_t>(members.integer("seats", {1, limits::seats_max}));
  row.first = static_cast<uint32_t>(members.integer("first", {0, limits::seat_number_max}, 1));
  if (row.name == "0") members.fail("row", "must not be \"0\", which stands for standing places");
  return row;
}

void read_rows(Members& members, Section& section) {
  std::unordered_set<std::string> names;
  members.each("rows", limits::seats_max, [&](Members& row_members) {
    auto row = read_row(row_members);
    if (!names.insert(row.name).second) row_members.fail("row", fmt::format("repeats \"{}\"", row.name));
    section.rows.push_back(std::move(row));
  });
}

Section read_section(Members& members) {
  Section section;
  section.id = members.identifier("id", valid_id, id_form);
  section.name = members.title("name", section.id, 1);
  section.amount = members.integer("amount", {0, limits::amount_max});
  const auto rows = members.find("rows"), general = members.find("general");
  if (!members.good()) return section;
  if (rows.has_value() == general.has_value()) {
    members.fail("rows", rows ? "must not stand beside \"general\"" : "is missing (or \"general\", the places)");
  } else if (general) {
    section.general = true;
    const auto places = members.integer_of("general", *general, {1, limits::seats_max});
    section.rows.push_back({"0", 1, static_cast<uint32_t>(places), 0});
  } else {
    read_rows(members, section);
  }
  return section;
}

uint64_t seats_of(const Section& section) {
  uint64_t seats = 0;
  for (const auto& row : section.rows) seats += row.seats;
  return seats;
}

void read_sections(Members& root, Event& event) {
  std::unordered_set<std::string> ids;
  uint64_t seats = 0;
  root.each("sections", limits::sections_max, [&](Members& members) {
    auto section = read_section(members);
    if (!ids.insert(section.id).second) members.fail("id", fmt::format("repeats \"{}\"", section.id));
    seats += seats_of(section);
    event.sections.push_back(std::move(section));
  });
  if (seats > limits::seats_max) {
    root.fail("sections", fmt::format("must have at most {} seats together, not {}", limits::seats_max, seats));
  }
}

void read_instants(Members& root, Event& event) {
  const auto opens_at_ms = root.instant("opens_at");
  if (!opens_at_ms) root.fail("opens_at", "is missing");
  event.opens_at_ms = opens_at_ms.value_or(0);
  event.warm_at_ms = root.instant("warm_at");
  event.lobby_at_ms = root.instant("lobby_at");
  event.closes_at_ms = root.instant("closes_at");
  if (event.closes_at_ms.value_or(event.opens_at_ms + 1) <= event.opens_at_ms) {
    root.fail("closes_at", "must be after opens_at");
  }
  if (event.lobby_at_ms.value_or(0) > event.opens_at_ms) root.fail("lobby_at", "must not be after opens_at");
  if (event.warm_at_ms.value_or(0) > event.lobby_at_ms.value_or(event.opens_at_ms)) {
    root.fail("warm_at", "must not be after lobby_at or opens_at");
  }
}

void read_admission(Members members, Event& event) {
  auto& admission = event.admission;
  admission.rate_per_s = members.number("rate_per_s", 0.001, 1e6, admission.rate_per_s);
  admission.active_max = members.integer("active_max", {1, 10'000'000}, admission.active_max);
  admission.active_ttl_s = members.integer("active_ttl_s", {1, day_s}, admission.active_ttl_s);
  admission.orders_per_admission = members.integer("orders_per_admission", {1, 1000}, admission.orders_per_admission);
}

void read_line(Members members, const dom::object& empty, Event& event) {
  auto& line = event.line;
  line.window_ms = members.integer("window_ms", {1, 60'000}, line.window_ms);
  line.no_show_grace_s = members.integer("no_show_grace_s", {0, 3600}, line.no_show_grace_s);
  line.reform_s = members.integer("reform_s", {0, 3600}, line.reform_s);
  auto tiers = members.object("priority", empty);
  if (tiers.fields().size() > limits::tiers_max) {
    members.fail("priority", fmt::format("must have at most {} tiers", limits::tiers_max));
  }
  for (const auto field : tiers.fields()) {
    if (!valid_id(field.key)) members.fail("priority", fmt::format("must have names that match {}", id_form));
    line.priority[std::string{field.key}] = tiers.integer(field.key, {1, 1000});
  }
}

void read_holds(Members members, Event& event) {
  auto& holds = event.holds;
  holds.ttl_s = members.integer("ttl_s", {1, day_s}, holds.ttl_s);
  holds.extensions = members.integer("extensions", {0, 100}, holds.extensions);
  holds.payment_cap_s = members.integer("payment_cap_s", {1, day_s}, holds.payment_cap_s);
  holds.seats_per_user = members.integer("seats_per_user", {1, limits::seats_per_user_max}, holds.seats_per_user);
  holds.release_window_s = members.integer("release_window_s", {0, 3600}, holds.release_window_s);
}

void read_definition(Members root, const dom::object& empty, Event& event) {
  event.name = root.title("name", {}, 1);
  event.venue = root.title("venue", "", 0);
  event.currency = read_currency(root);
  read_instants(root, event);
  read_sections(root, event);
  read_admission(root.object("admission", empty), event);
  read_line(root.object("line", empty), empty, event);
  read_holds(root.object("holds", empty), event);
}

}  // namespace

Checked<Event> parse_event(std::string_view id, std::string_view definition) {
  using Failed = Checked<Event>;
  if (!valid_id(id)) return Failed::failed(fmt::format("the event's id must match {}", id_form));
  if (definition.size() > limits::definition_bytes_max) {
    return Failed::failed(fmt::format("the body must have at most {} bytes", limits::definition_bytes_max));
  }
  if (has_escaped_nul(definition)) return Failed::failed("the body must not contain \\u0000");
  dom::parser parser, empty_parser;
  dom::element root_element;
  dom::object root, empty;
  if (const auto error = parser.parse(definition.data(), definition.size()).get(root_element)) {
    return Failed::failed(fmt::format("the body is not valid JSON: {}", simdjson::error_message(error)));
  }
  if (root_element.get(root)) return Failed::failed("the body must be a JSON object");
  const bool has_empty = empty_parser.parse(std::string_view{"{}"}).get(empty) == simdjson::SUCCESS;
  std::string problem = has_empty ? "" : "out of memory";
  Event event;
  event.id = id;
  read_definition({root, "", problem}, empty, event);
  if (!problem.empty()) return Failed::failed(std::move(problem));
  event.number_seats();
  return event;
}

}  // namespace core
