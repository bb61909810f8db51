// When an event moves, and where an operator may move it: the life of an event as two pure functions.
//
// draft -> warmed -> lobby -> open <-> paused -> closed. Frozen is Redis' affair alone (a rebuild): PostgreSQL, which
// decides the state, never knows it. Thread: any.
#pragma once
#include <cstdint>
#include <optional>

#include "app/administration.hpp"
#include "core/event.hpp"

namespace app {

inline constexpr int64_t warm_before_open_ms = 5 * 60 * 1000;

// The instant at which the event is warmed by itself.
int64_t warm_at_ms(const core::Event& event);

// The state the timeline wants the event to be in next; nothing while it is where it should be. One step at a time: an
// event that should be open already is warmed first. A paused event stays paused until somebody resumes it or it
// closes; a draft that is already over stays a draft.
std::optional<core::EventState> due(const core::Event& event, int64_t now_ms);

// What a move asks for, from a state. `first` is the state to go to now and `target` where it ends: open from draft
// warms first. Nothing: a bad transition, also when the event is there already.
struct Path {
  core::EventState first, target;
};
std::optional<Path> path(core::EventState from, EventMove move);

}  // namespace app
