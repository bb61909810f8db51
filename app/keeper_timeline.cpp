// Moving events: by the clock, by operators, and Redis after PostgreSQL.
#include <fmt/format.h>

#include <algorithm>

#include "app/keeper.hpp"
#include "app/timeline.hpp"

namespace app {

using core::EventState;

// As far as the clock allows: an event that should be open already goes through warmed in the same tick.
void Keeper::follow_timeline(Kept& kept) {
  if (!live(kept) && kept.event->state == EventState::closed) return;
  while (const auto to = due(*kept.event, redis_now_ms_)) {
    const auto from = kept.event->state;
    if (!(from == EventState::draft ? warm(kept) : change_state(kept, *to))) return;
    log_.info("event moved by its timeline",
              {{"event", kept.event->id}, {"from", core::name(from)}, {"to", core::name(kept.event->state)}});
  }
}

// Redis first here: an event whose state could not be built stays a draft, and does not open. A definition that was
// changed meanwhile has other seats: then it stays a draft too, and is warmed again.
bool Keeper::warm(Kept& kept) {
  if (!rebuild_unless_put_off(kept)) return false;
  auto moved = rows_.warm(kept.event->id, kept.event->version);
  if (!moved) return postgres_failed(moved.error, "changing a state");
  step("warmed in PostgreSQL");
  if (!reload(kept) || kept.event->state == EventState::draft) return false;
  kept.healthy = true;
  kept.problem.clear();
  return true;
}

bool Keeper::change_state(Kept& kept, EventState to) {
  const auto from = kept.event->state;
  auto moved = rows_.change_state(kept.event->id, from, to);
  if (!moved) return postgres_failed(moved.error, "changing a state");
  step("state changed in PostgreSQL");
  if (!reload(kept) || !moved.value) return false;  // false: somebody else has moved it; the next look tells where
  return catch_up(kept);
}

// Brings Redis' state to PostgreSQL's.
bool Keeper::catch_up(Kept& kept) {
  RedisSale sale{redis_, scripts_, kept.event->id};
  const auto to = kept.event->state;
  auto from = core::event_state(kept.meta.state);
  if (!from) return trouble(kept, fmt::format("Redis has the unknown state {}", kept.meta.state)), false;
  // The opening is an event of its own, also when it was missed.
  const bool missed_opening = to == EventState::paused && (*from == EventState::warmed || *from == EventState::lobby);
  if (missed_opening) {
    if (!settle(kept, sale.transition(kept.event->epoch, *from, EventState::open), sale)) return false;
    from = EventState::open;
  }
  if (!settle(kept, sale.transition(kept.event->epoch, *from, to), sale)) return false;
  return settle(kept, sale.look(kept.meta), sale);
}

void Keeper::serve_moves() {
  std::erase_if(moves_, [this](WaitingMove& waiting) { return serve(waiting); });
}

// True when it was answered. What is not in force yet is looked at again each tick, until its deadline.
bool Keeper::serve(WaitingMove& waiting) {
  const auto answer = [&waiting](MoveResult::Code code, std::string detail) {
    waiting.promise.set_value({code, std::move(detail)});
    return true;
  };
  const bool reachable =
      redis_.connected() && postgres_.connected() && redis_problem_.empty() && postgres_problem_.empty();
  const auto found = events_.find(waiting.event);
  if (found == events_.end() && reachable) return answer(MoveResult::Code::unknown_event, "there is no such event");
  if (found != events_.end() && reachable) {
    auto& kept = found->second;
    if (!accept(kept, waiting))
      return answer(MoveResult::Code::bad_transition, fmt::format("{} is not possible while the event is {}",
                                                                  name(waiting.move), core::name(kept.event->state)));
    if (advance(kept, *waiting.target)) return answer(MoveResult::Code::done, {});
  }
  if (std::chrono::steady_clock::now() < waiting.deadline) return false;
  const auto& problem = !redis_problem_.empty()      ? redis_problem_
                        : !postgres_problem_.empty() ? postgres_problem_
                        : found != events_.end()     ? found->second.problem
                                                     : postgres_problem_;
  return answer(MoveResult::Code::unavailable, problem.empty() ? "not in force yet" : problem);
}

// Whether the state allows the move; of one that was accepted, whether somebody else's move has crossed it since.
bool Keeper::accept(Kept& kept, WaitingMove& waiting) {
  if (waiting.target == kept.event->state) return true;
  const auto way = path(kept.event->state, waiting.move);
  if (way) waiting.target = way->target;
  return way.has_value();
}

// Goes on towards the target, through warmed from a draft; true when it is in force in Redis.
bool Keeper::advance(Kept& kept, EventState target) {
  if (kept.event->state == EventState::draft && !warm(kept)) return false;
  if (kept.event->state != target && !(kept.healthy && change_state(kept, target))) return false;
  return kept.event->state == target && kept.healthy && kept.meta.state == core::name(target);
}

}  // namespace app
