#include "app/timeline.hpp"

#include <doctest/doctest.h>

using app::EventMove;
using core::EventState;

namespace {

core::Event event_in(EventState state) {
  core::Event event;
  event.state = state;
  event.opens_at_ms = 1'000'000;
  event.closes_at_ms = 2'000'000;
  return event;
}

}  // namespace

TEST_CASE("a draft is warmed five minutes before it opens, not earlier") {
  const auto event = event_in(EventState::draft);
  CHECK(!app::due(event, 1'000'000 - 300'001));
  CHECK(app::due(event, 1'000'000 - 300'000) == EventState::warmed);
}

TEST_CASE("a draft whose warm_at is set is warmed then") {
  auto event = event_in(EventState::draft);
  event.warm_at_ms = 10;
  CHECK(!app::due(event, 9));
  CHECK(app::due(event, 10) == EventState::warmed);
}

TEST_CASE("an event nobody warmed in time is warmed first, never opened cold") {
  CHECK(app::due(event_in(EventState::draft), 1'500'000) == EventState::warmed);
}

TEST_CASE("a draft that is over already is left alone") { CHECK(!app::due(event_in(EventState::draft), 2'000'000)); }

TEST_CASE("without a lobby an event opens straight from warmed, with one it waits there") {
  auto event = event_in(EventState::warmed);
  CHECK(!app::due(event, 999'999));
  CHECK(app::due(event, 1'000'000) == EventState::open);
  event.lobby_at_ms = 900'000;
  CHECK(app::due(event, 900'000) == EventState::lobby);
  event.state = EventState::lobby;
  CHECK(!app::due(event, 999'999));
  CHECK(app::due(event, 1'000'000) == EventState::open);
}

TEST_CASE("the timeline does not resume what an operator paused, and does close it") {
  CHECK(!app::due(event_in(EventState::paused), 1'500'000));
  CHECK(app::due(event_in(EventState::paused), 2'000'000) == EventState::closed);
  CHECK(app::due(event_in(EventState::open), 2'000'000) == EventState::closed);
}

TEST_CASE("an event without closes_at stays open until somebody closes it") {
  auto event = event_in(EventState::open);
  event.closes_at_ms.reset();
  CHECK(!app::due(event, 1LL << 60));
}

TEST_CASE("open on a draft goes through warmed") {
  const auto path = app::path(EventState::draft, EventMove::open);
  REQUIRE(path);
  CHECK(path->first == EventState::warmed);
  CHECK(path->target == EventState::open);
}

TEST_CASE("a move the state does not allow is refused") {
  for (auto [state, move] : {std::pair{EventState::open, EventMove::warm},
                             {EventState::closed, EventMove::warm},
                             {EventState::closed, EventMove::open},
                             {EventState::paused, EventMove::open},
                             {EventState::warmed, EventMove::pause},
                             {EventState::draft, EventMove::pause},
                             {EventState::closed, EventMove::pause},
                             {EventState::lobby, EventMove::resume},
                             {EventState::closed, EventMove::resume},
                             {EventState::draft, EventMove::close},
                             {EventState::warmed, EventMove::warm},
                             {EventState::open, EventMove::open},
                             {EventState::paused, EventMove::pause},
                             {EventState::open, EventMove::resume},
                             {EventState::closed, EventMove::close}})
    CHECK(!app::path(state, move));
}
