// What kind of person a buyer is, drawn once from the run's seed and the buyer's number: a run can be repeated.
// Ownership: plain values. Thread: any.
#pragma once
#include <cstdint>

#include "perf/crowd/seat_map.hpp"
#include "perf/crowd/task.hpp"

namespace crowd {

struct Habits {
  milliseconds arrives_after{0};
  uint32_t places = 1;  // wanted
  bool prefers_standing = false;
  bool cookies = false;          // a browser; the others are an app with bearer tokens
  bool second_tab = false;       // joins twice at once and again when admitted
  bool refreshes = false;        // asks sooner than told now and then
  bool double_clicks = false;    // every write twice at once
  bool uses_keys = false;        // Idempotency-Key
  bool impatient = false;        // tries to hold while still waiting
  bool wants_gone_seat = false;  // first goes for a seat that somebody has
  bool looks_again = false;      // reads back holds, orders and `me`
  bool extends = false;
  bool peeks = false;                 // tries to see another's hold
  bool releases_first = false;        // takes seats, thinks better of it, takes others
  bool walks_away = false;            // holds and never pays
  bool pays_late = false;             // after the hold has run out
  bool loses_connection = false;      // right after sending confirm
  bool confirms_again = false;        // once more after all is done
  uint32_t leaves_after_polls = 0;    // 0: stays. Says goodbye
  uint32_t vanishes_after_polls = 0;  // 0: stays. Closes the laptop
};

Random random_of(uint64_t seed, uint32_t buyer);
Habits draw_habits(Random& random, uint32_t buyers, uint32_t seats, uint32_t standing);

}  // namespace crowd
