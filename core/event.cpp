#include "core/event.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "core/assert.hpp"
#include "core/limits.hpp"

namespace core {

namespace {

constexpr std::string_view state_names[] = {"draft", "warmed", "lobby", "open", "paused", "frozen", "closed"};

constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Letters, digits and what `more` lists; from 1 to `bytes_max` bytes.
bool consists_of(std::string_view text, std::string_view more, std::size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max) return false;
  return std::ranges::all_of(text, [&](char c) { return is_alphanumeric(c) || more.find(c) != more.npos; });
}

// The places of `items` in the order of `name_of(item)`.
template <class Item, class NameOf>
std::vector<uint32_t> order_by(const std::vector<Item>& items, NameOf name_of) {
  std::vector<uint32_t> order(items.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](uint32_t at) { return std::string_view{name_of(items[at])}; });
  return order;
}

template <class Item, class NameOf>
const Item* find_by(const std::vector<Item>& items, const std::vector<uint32_t>& order, std::string_view name,
                    NameOf name_of) {
  auto by_name = [&](uint32_t at) { return std::string_view{name_of(items[at])}; };
  const auto found = std::ranges::lower_bound(order, name, {}, by_name);
  return found != order.end() && by_name(*found) == name ? &items[*found] : nullptr;
}

constexpr auto section_id_of = [](const Section& section) -> std::string_view { return section.id; };
constexpr auto row_name_of = [](const Row& row) -> std::string_view { return row.name; };

// The last of the items (in the order of their seats) that begins at or before `seat`.
template <class Item>
const Item& item_of(const std::vector<Item>& items, uint32_t seat) {
  const auto after = std::ranges::upper_bound(items, seat, {}, &Item::seat_base);
  ONSALE_ASSERT(after != items.begin());
  return *std::prev(after);
}

// A number as we write it: digits only, no leading zero.
std::optional<uint32_t> seat_number(std::string_view digits) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  if (!whole || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  return number;
}

}  // namespace

std::string_view name(EventState state) { return state_names[static_cast<std::size_t>(state)]; }

std::optional<EventState> event_state(std::string_view name) {
  const auto found = std::ranges::find(state_names, name);
  if (found == std::ranges::end(state_names)) return std::nullopt;
  return static_cast<EventState>(found - std::ranges::begin(state_names));
}

// "." and ".." match the pattern, but no client or proxy would ever send them as a path's segment.
bool valid_id(std::string_view id) {
  return id != "." && id != ".." && consists_of(id, "._-", limits::event_bytes_max);
}
bool valid_row(std::string_view row) { return consists_of(row, "._", limits::row_bytes_max); }
bool valid_user(std::string_view user) { return consists_of(user, "._:@-", limits::user_bytes_max); }

void Event::number_seats() {
  seat_count = 0;
  for (auto& section : sections) {
    section.seat_base = seat_count;
    for (auto& row : section.rows) {
      row.seat_base = seat_count;
      seat_count += row.seats;
    }
    section.seats = seat_count - section.seat_base;
    section.rows_by_name = order_by(section.rows, row_name_of);
  }
  sections_by_id = order_by(sections, section_id_of);
}

const Section* Event::section(std::string_view section_id) const {
  return find_by(sections, sections_by_id, section_id, section_id_of);
}

// "<section>-<row>-<number>": a section's id may contain '-', a row's name and a number do not, so it is read from
// the right.
std::optional<uint32_t> Event::seat_index(std::string_view seat_id) const {
  const auto number_dash = seat_id.rfind('-');
  if (number_dash == seat_id.npos || number_dash == 0) return std::nullopt;
  const auto row_dash = seat_id.rfind('-', number_dash - 1);
  if (row_dash == seat_id.npos) return std::nullopt;
  const auto* found = section(seat_id.substr(0, row_dash));
  if (!found) return std::nullopt;
  const auto row_name = seat_id.substr(row_dash + 1, number_dash - row_dash - 1);
  const auto* row = find_by(found->rows, found->rows_by_name, row_name, row_name_of);
  const auto number = seat_number(seat_id.substr(number_dash + 1));
  if (!row || !number || *number < row->first || *number - row->first >= row->seats) return std::nullopt;
  return row->seat_base + (*number - row->first);
}

const Section& Event::section_of(uint32_t seat) const {
  ONSALE_ASSERT(seat < seat_count);
  return item_of(sections, seat);
}

void Event::append_seat_id(FixedText<limits::seat_bytes_max>& out, uint32_t seat) const {
  const auto& section = section_of(seat);
  const auto& row = item_of(section.rows, seat);
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof digits, row.first + (seat - row.seat_base)).ptr;
  for (const std::string_view part : {std::string_view{section.id}, std::string_view{row.name}}) {
    out.append(part);
    out.append("-");
  }
  out.append(digits, static_cast<std::size_t>(end - digits));
}

std::string Event::seat_id(uint32_t seat) const {
  FixedText<limits::seat_bytes_max> text;
  append_seat_id(text, seat);
  return std::string{text.view()};
}

const Event* Catalog::find(std::string_view id) const {
  constexpr auto id_of = [](const std::shared_ptr<const Event>& event) -> std::string_view { return event->id; };
  const auto found = std::ranges::lower_bound(events, id, {}, id_of);
  return found != events.end() && (*found)->id == id ? found->get() : nullptr;
}

}  // namespace core
