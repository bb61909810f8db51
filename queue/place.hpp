// A user's place in line as place.lua tells it, and as the contract shows it.
// Thread: the loop's.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/json_writer.hpp"
#include "core/random.hpp"
#include "core/text_buffer.hpp"
#include "queue/live_event.hpp"
#include "queue/verdict.hpp"

namespace queue {

struct Place {
  enum class State : uint8_t { lobby, waiting, paused, admitted, sold_out, done, expired, closed, none };
  Verdict verdict;  // ok exactly when there is a state
  State state = State::none;
  int64_t number = 0;    // arrival number; 0 when not in line
  int64_t position = 0;  // 1 is next; 0 when it is not known yet
  int64_t total = 0;
  int64_t deadline_ms = 0;  // of an admission
  bool created = false;     // new in line by this call

  static core::Result<Place> decode(const net::resp::View& reply) noexcept;
};

std::string_view name(Place::State state);

// Seconds until the user should ask again: the further back, the later, and a tenth to either side so that waves of
// users spread out. `draw` is any random number.
int64_t next_poll_s(int64_t position, uint32_t draw);

inline constexpr std::string_view json_type = "application/json";
using Json = core::JsonWriter<core::TextBuffer>;

// In the lobby: half a minute, and around the opening soon after it.
int64_t lobby_poll_s(int64_t opens_at_ms, int64_t now_ms, uint32_t draw);

// The members of a poll's answer from "state" on, without braces. `admission` is the token of an admitted user.
void write_place(Json& json, const Place& place, const core::Event& event, std::string_view admission, int64_t now_ms,
                 uint32_t draw);

}  // namespace queue
