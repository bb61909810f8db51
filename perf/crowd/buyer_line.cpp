// A buyer in line: joining (at times from two tabs at once), polling when told to, refreshing, giving up.
#include <fmt/format.h>

#include <algorithm>

#include "perf/crowd/buyer.hpp"

namespace crowd {

Task<Buyer::Turn> Buyer::wait_for_turn() {
  session_.forget_place();
  place_.forget();
  LineAnswer answer = co_await enter_line();
  while (!sale_.over()) {
    auto turn = co_await judge_line(answer);
    if (!turn) turn = co_await maybe_abandon();
    if (turn) co_return *turn;
    co_await wait_before_next(answer);
    answer = co_await next_look();
    ++polls_;
  }
  co_return Turn::unfinished;
}

Task<LineAnswer> Buyer::enter_line() {
  if (habits_.second_tab) co_return co_await enter_with_two_tabs();
  LineAnswer answer = co_await session_.join(Step::join, Tab::first);
  co_return answer;
}

// Both tabs must end up in one place; only one of them can have been the first.
Task<LineAnswer> Buyer::enter_with_two_tabs() {
  Branch<LineAnswer> other{sale_.context, session_.join(Step::join, Tab::second)};
  LineAnswer answer = co_await session_.join(Step::join, Tab::first);
  LineAnswer second = co_await other.join();
  if (answer.status == 201 && second.status == 201) {
    sale_.ledger.place_lost(fmt::format("{} joined from two tabs and both were told they are new", session_.user()));
  }
  co_return answer.status != 0 && answer.status < 400 ? answer : second;
}

// A poll, or what an impatient person does instead: reload the page, which joins again.
Task<LineAnswer> Buyer::next_look() {
  if (!session_.has_ticket()) co_return co_await session_.join(Step::join, Tab::first);
  if (habits_.impatient && polls_ == 1) co_await try_hold_early();
  if (habits_.refreshes && chance(0.4)) {
    LineAnswer again = co_await session_.join(Step::rejoin, chance(0.5) ? Tab::first : Tab::second);
    if (again.status == 201) {
      sale_.ledger.place_lost(fmt::format("{} reloaded the page and was told to be new in line", session_.user()));
    }
    co_return again;
  }
  co_return co_await session_.poll(Tab::first);
}

Task<std::optional<Buyer::Turn>> Buyer::judge_line(LineAnswer answer) {
  check_place(answer);
  auto turn = turn_of(answer);
  if (turn == Turn::admitted) co_await use_fresh_admission();
  co_return turn;
}

std::optional<Buyer::Turn> Buyer::turn_of(const LineAnswer& answer) {
  if (answer.code == "event_closed") return Turn::closed;
  if (answer.state == "admitted") return Turn::admitted;
  if (answer.state == "sold_out") return Turn::sold_out;
  if (answer.state == "closed") return Turn::closed;
  if (answer.state == "expired" || answer.state == "done") return Turn::expired;
  return {};
}

// A person who came whenever asked must neither fall back nor fall out before the turn has come.
void Buyer::check_place(const LineAnswer& answer) {
  if (!place_.still_mine(answer.position, sale_.line_forms_again())) {
    sale_.ledger.place_lost(fmt::format("{} stood at {} and was later told {}", session_.user(),
                                        place_.nearest().value_or(0), answer.position.value_or(0)));
  }
  if (place_.nearest() && (answer.state == "expired" || answer.state == "done")) {
    sale_.ledger.place_lost(fmt::format("{} polled as told and was told '{}'", session_.user(), answer.state));
  }
}

Task<std::optional<Buyer::Turn>> Buyer::maybe_abandon() {
  if (habits_.leaves_after_polls != 0 && polls_ >= habits_.leaves_after_polls && session_.has_ticket()) {
    int status = co_await session_.leave();
    if (chance(0.5)) status = co_await session_.leave();  // said twice, heard once
    if (status == 204) co_return Turn::left;
  }
  if (habits_.vanishes_after_polls != 0 && polls_ >= habits_.vanishes_after_polls) co_return Turn::vanished;
  co_return std::nullopt;
}

// The server says when to come back; trouble is answered with patience.
Task<> Buyer::wait_before_next(LineAnswer answer) {
  if (answer.status == 0 || answer.status >= 400) {
    if (answer.code == "token_invalid" || answer.code == "token_expired") session_.forget_place();
    co_await back_off(answer.retry_after_s);
    co_return;
  }
  const double told_s = std::clamp(answer.next_poll_s, 0.1, 300.0);
  constexpr double idle_s = 10;  // the server closes silent connections after a while: a closed laptop does so first
  if (told_s > idle_s) session_.rest();
  const int told_ms = static_cast<int>(told_s * 1000);
  co_await think(told_ms, told_ms + told_ms / 10);
}

// What people do with a fresh admission before they look at the seats.
Task<> Buyer::use_fresh_admission() {
  if (habits_.second_tab) {
    LineAnswer again = co_await session_.join(Step::rejoin, Tab::second);
    if (again.status == 201 || again.state == "waiting" || again.state == "expired") {
      sale_.ledger.place_lost(
          fmt::format("{} was admitted; the second tab is told {} '{}'", session_.user(), again.status, again.state));
    }
  }
  if (!habits_.looks_again) co_return;
  int status = co_await session_.gate();
  if (status >= 400 && status < 500 && status != 429) {
    sale_.ledger.violation(fmt::format("{} is admitted and the gate answers {}", session_.user(), status));
  }
}

Task<> Buyer::try_hold_early() {
  Pick pick;
  pick.seats.push_back("S1-1-1");
  if (sale_.options.seats == 0) co_return;
  HoldAnswer early = co_await session_.hold(Step::early_hold, Tab::first, pick, "", Credential::ticket);
  if (early.succeeded()) {
    sale_.ledger.violation(fmt::format("{} held a seat without being admitted", session_.user()));
  }
}

}  // namespace crowd
