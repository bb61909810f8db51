#include "app/timeline.hpp"

namespace app {

using core::EventState;

int64_t warm_at_ms(const core::Event& event) {
  return event.warm_at_ms.value_or(event.opens_at_ms - warm_before_open_ms);
}

std::optional<EventState> due(const core::Event& event, int64_t now_ms) {
  const bool over = event.closes_at_ms && now_ms >= *event.closes_at_ms;
  switch (event.state) {
    case EventState::draft:
      if (!over && now_ms >= warm_at_ms(event)) return EventState::warmed;
      return std::nullopt;
    case EventState::warmed:
    case EventState::lobby:
      if (over) return EventState::closed;
      if (now_ms >= event.opens_at_ms) return EventState::open;
      if (event.state == EventState::warmed && event.lobby_at_ms && now_ms >= *event.lobby_at_ms)
        return EventState::lobby;
      return std::nullopt;
    case EventState::open:
    case EventState::paused:
      if (over) return EventState::closed;
      return std::nullopt;
    case EventState::frozen:
    case EventState::closed:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Path> path(EventState from, EventMove move) {
  const auto go = [](EventState target) { return Path{target, target}; };
  switch (move) {
    case EventMove::warm:
      if (from == EventState::draft) return go(EventState::warmed);
      return std::nullopt;
    case EventMove::open:
      if (from == EventState::draft) return Path{EventState::warmed, EventState::open};
      if (from == EventState::warmed || from == EventState::lobby) return go(EventState::open);
      return std::nullopt;
    case EventMove::pause:
      if (from == EventState::open) return go(EventState::paused);
      return std::nullopt;
    case EventMove::resume:
      if (from == EventState::paused) return go(EventState::open);
      return std::nullopt;
    case EventMove::close:
      if (from == EventState::draft || from == EventState::closed) return std::nullopt;
      return go(EventState::closed);
  }
  return std::nullopt;
}

}  // namespace app
