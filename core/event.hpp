// What is on sale: an event, its sections, rows and seats, and the snapshot of all events a node works with.
//
// A seat is an index 0..seat_count-1 into one string of characters, one a seat ('.' available, 'h' held, 'p' paying,
// 'x' sold, '-' not for sale): sections lie one after another, rows one after another inside a section. Redis, the log
// and the scripts know seats by index; people, PostgreSQL and Kafka by id ("A-1-3", "GA-0-17").
// Ownership: immutable once published; a Catalog is swapped as a whole. Thread: any.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/fixed_text.hpp"
#include "core/limits.hpp"

namespace core {

enum class EventState : uint8_t { draft, warmed, lobby, open, paused, frozen, closed };
std::string_view name(EventState state);
std::optional<EventState> event_state(std::string_view name);

struct Row {
  std::string name;    // "0" in a standing section
  uint32_t first = 1;  // number of its first seat
  uint32_t seats = 0;
  uint32_t seat_base = 0;  // index of its first seat
};

struct Section {
  std::string id, name;
  int64_t amount = 0;    // minor units
  bool general = false;  // standing: one row "0", places 1..n
  uint32_t seats = 0;
  uint32_t seat_base = 0;
  std::vector<Row> rows;
  std::vector<uint32_t> rows_by_name;  // places in `rows`, in the order of names; set by number_seats()
};

struct Event {
  std::string id, name, venue, currency;
  int64_t opens_at_ms = 0;
  std::optional<int64_t> closes_at_ms, lobby_at_ms, warm_at_ms;  // warm_at: default 5 minutes before opens_at
  std::vector<Section> sections;
  struct {
    double rate_per_s = 100;
    int64_t active_max = 1000, active_ttl_s = 600, orders_per_admission = 1;
  } admission;
  struct {
    int64_t window_ms = 250, no_show_grace_s = 30, reform_s = 10;
    std::map<std::string, int64_t> priority;
  } line;
  struct {
    int64_t ttl_s = 300, extensions = 1, payment_cap_s = 600, seats_per_user = 4, release_window_s = 20;
  } holds;

  uint32_t seat_count = 0;               // set by number_seats()
  std::vector<uint32_t> sections_by_id;  // places in `sections`, in the order of ids; set by number_seats()

  // From PostgreSQL, not from the definition.
  EventState state = EventState::draft;
  int64_t epoch = 0;
  int64_t version = 0;  // of the row; grows with each change

  // Fills seat_base and seats of every section and row, seat_count and the search orders. Before any of these:
  void number_seats();
  std::optional<uint32_t> seat_index(std::string_view seat_id) const;
  const Section* section(std::string_view section_id) const;
  const Section& section_of(uint32_t seat) const;
  void append_seat_id(FixedText<limits::seat_bytes_max>& out, uint32_t seat) const;
  std::string seat_id(uint32_t seat) const;
};

// Reads the contract's definition of an event (PUT /admin/v1/events/{event}). A failure names the member:
// "sections[1].rows[0].seats must be an integer from 1 to 1000000". `definition` needs no padding.
Checked<Event> parse_event(std::string_view id, std::string_view definition);

// True for `[A-Za-z0-9._-]{1,64}` (events, sections), the same without '-' (rows), and user ids.
bool valid_id(std::string_view id);
bool valid_row(std::string_view row);
bool valid_user(std::string_view user);

struct Catalog {
  uint64_t version = 0;
  std::vector<std::shared_ptr<const Event>> events;  // sorted by id
  const Event* find(std::string_view id) const;
};

}  // namespace core
