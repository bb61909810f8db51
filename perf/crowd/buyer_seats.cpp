// A buyer among the seats: looking at the map, taking places, losing them to others, thinking better of it.
#include <fmt/format.h>

#include <algorithm>

#include "perf/crowd/buyer.hpp"
#include "perf/crowd/definition.hpp"

namespace crowd {

Task<Buyer::Visit> Buyer::visit() {
  while (!sale_.over()) {
    enter(Stage::admitted);
    MapAnswer seen = co_await session_.map();
    std::optional<Visit> end;
    if (seen.map) {
      end = co_await buy_from(*seen.map);
    } else if (seen.code == "admission_expired" || seen.code == "not_admitted") {
      co_return Visit::admission_lost;
    } else {
      co_await back_off(seen.retry_after_s);
    }
    if (end) co_return *end;
  }
  co_return Visit::unfinished;
}

Task<std::optional<Buyer::Visit>> Buyer::buy_from(SeatMap map) {
  std::optional<Pick> pick;
  if (habits_.wants_gone_seat) {
    habits_.wants_gone_seat = false;
    pick = choose_taken(map, random_);
  }
  if (!pick) pick = choose(map, habits_.places, habits_.prefers_standing, random_);
  if (!pick) co_return co_await nothing_free(shows_held(map));
  fruitless_looks_ = 0;
  co_await think(50, 600);
  HoldAnswer hold = co_await take(*pick);
  if (!hold.succeeded()) co_return co_await after_refusal(hold);
  check_hold(*pick, hold);
  enter(Stage::holding);
  co_await dwell(hold);
  if (habits_.walks_away) co_return Visit::vanished;
  if (habits_.releases_first) {
    habits_.releases_first = false;
    co_await release(hold.hold);
    co_return std::nullopt;
  }
  co_return co_await pay(hold);
}

// All is held or sold. Held seats come back, so who sees some waits a while longer than a hold lasts.
Task<std::optional<Buyer::Visit>> Buyer::nothing_free(bool some_held) {
  const uint32_t patience_looks = some_held ? 10 : 3;
  if (++fruitless_looks_ > patience_looks && chance(0.5)) {
    if (co_await session_.leave() == 204) co_return Visit::left;
  }
  LineAnswer answer = co_await session_.poll(Tab::first);
  if (answer.state == "sold_out") co_return Visit::sold_out;
  if (answer.state == "closed") co_return Visit::closed;
  if (answer.state == "expired" || answer.state == "done") co_return Visit::admission_lost;
  co_await think(400, 1200);
  co_return std::nullopt;
}

Task<HoldAnswer> Buyer::take(Pick pick) {
  std::string key = fresh_key();
  HoldAnswer hold;
  if (habits_.double_clicks) {
    hold = co_await click_twice(pick, key);
  } else {
    hold = co_await click(Step::hold, Tab::first, pick, key);
  }
  // A lost answer: asking again is safe with a key, and for named seats, where an own hold is found again.
  for (int again = 0; hold.status == 0 && again < 3 && !sale_.over(); ++again) {
    if (key.empty() && !pick.named()) holds_elsewhere_ = true;
    co_await back_off(0);
    hold = co_await click(Step::hold_again, Tab::first, pick, key);
  }
  co_return hold;
}

Task<HoldAnswer> Buyer::click(Step step, Tab tab, Pick pick, std::string key) {
  co_return co_await session_.hold(step, tab, pick, key, Credential::admission);
}

Task<HoldAnswer> Buyer::click_twice(Pick pick, std::string key) {
  Branch<HoldAnswer> other{sale_.context, click(Step::hold_again, Tab::second, pick, key)};
  HoldAnswer first = co_await click(Step::hold, Tab::first, pick, key);
  HoldAnswer second = co_await other.join();
  compare_clicks(pick, first, second, !key.empty());
  const bool two = first.succeeded() && second.succeeded() && first.hold != second.hold;
  if (two) co_await release(second.hold);
  co_return first.succeeded() ? first : second;
}

// With a key, or for named seats, both clicks are one wish; two wishes for standing places may both be granted. Without
// a key the first click may have been too early and the second not: only a key makes their answers equal.
void Buyer::compare_clicks(const Pick& pick, const HoldAnswer& first, const HoldAnswer& second, bool keyed) {
  if (!keyed && !pick.named()) return;
  if (!first.succeeded() && !second.succeeded()) return;
  if (first.succeeded() && second.succeeded()) {
    if (first.hold == second.hold) return;
    sale_.ledger.violation(fmt::format("{} clicked twice and got holds {} and {} for one wish{}", session_.user(),
                                       first.hold, second.hold, keyed ? " with one Idempotency-Key" : ""));
    return;
  }
  const auto& refused = first.succeeded() ? second : first;
  if (!keyed || refused.status != 409 || refused.code == "event_not_open") return;
  sale_.ledger.violation(fmt::format("{} clicked twice with one Idempotency-Key: one click got seats, the other {}",
                                     session_.user(), refused.code));
}

void Buyer::check_hold(const Pick& pick, const HoldAnswer& hold) {
  int64_t amount = 0;
  for (const auto& seat : hold.seats) {
    auto index = sale_.event.seat_index(seat);
    if (!index) {
      sale_.ledger.violation(fmt::format("hold {} has seat '{}', which is not on sale", hold.hold, seat));
      continue;
    }
    amount += sale_.event.section_of(*index).amount;
  }
  const auto wanted = pick.named() ? pick.seats.size() : pick.quantity;
  if (hold.seats.size() != wanted) {
    sale_.ledger.violation(
        fmt::format("hold {} has {} seats, {} were asked for", hold.hold, hold.seats.size(), wanted));
  }
  if (hold.amount != amount) {
    sale_.ledger.violation(fmt::format("hold {} costs {}, its seats {}", hold.hold, hold.amount, amount));
  }
  sale_.recent_holds.add({hold.hold, session_.user()});
}

Task<std::optional<Buyer::Visit>> Buyer::after_refusal(HoldAnswer refusal) {
  const auto& code = refusal.code;
  if (code == "admission_expired" || code == "not_admitted") co_return Visit::admission_lost;
  if (code == "event_closed") co_return Visit::closed;
  if (code == "seat_taken") co_return std::nullopt;  // the map shows what is left
  if (code == "sold_out") co_return co_await nothing_free(true);
  if (code == "hold_limit" || holds_elsewhere_) {
    co_await release_leftovers();
    co_return std::nullopt;
  }
  co_await back_off(refusal.retry_after_s);
  co_return std::nullopt;
}

// A hold whose answer was lost still counts against the user: `me` tells which.
Task<> Buyer::release_leftovers() {
  holds_elsewhere_ = false;
  MeAnswer me = co_await session_.me();
  for (const auto& hold : me.holds) co_await release(hold);
  co_await think(200, 500);
}

Task<> Buyer::release(std::string hold) {
  int status = co_await session_.release(hold);
  if (chance(0.3)) status = co_await session_.release(hold);
  if (status != 204 || !habits_.looks_again) co_return;
  HoldAnswer after = co_await session_.look(Step::hold_get, hold);
  if (after.status == 200 && after.state != "released" && after.state != "expired") {
    sale_.ledger.violation(fmt::format("hold {} was released and is '{}'", hold, after.state));
  }
}

// Between taking and paying: reading it back, extending it, looking where one should not.
Task<> Buyer::dwell(HoldAnswer hold) {
  if (habits_.looks_again) {
    HoldAnswer seen = co_await session_.look(Step::hold_get, hold.hold);
    if (seen.status == 404 || (seen.status == 200 && seen.state != "held")) {
      sale_.ledger.violation(fmt::format("fresh hold {} reads back as {} '{}'", hold.hold, seen.status, seen.state));
    }
  }
  if (habits_.extends) co_await session_.extend(hold.hold);
  if (habits_.peeks) co_await peek();
  if (habits_.pays_late) {
    co_await outlast_hold();
  } else {
    co_await think(200, 2000);
  }
}

Task<> Buyer::peek() {
  const auto* stranger = sale_.recent_holds.of_other(session_.user());
  if (stranger == nullptr) co_return;
  const auto entry = *stranger;  // the list goes on while we ask
  HoldAnswer peeked = co_await session_.look(Step::peek, entry.hold);
  if (peeked.status == 200) {
    sale_.ledger.violation(fmt::format("{} could read the hold of {}", session_.user(), entry.user));
  }
}

// Until the hold has run out, extended or not.
Task<> Buyer::outlast_hold() {
  const int hold_ms = static_cast<int>(hold_ttl_s * 1000) * (habits_.extends ? 2 : 1);
  co_await think(hold_ms + 200, hold_ms + 1500);
}

}  // namespace crowd
