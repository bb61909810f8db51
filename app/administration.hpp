// What an operator can ask of a node: the admin calls of the operations listener, without HTTP.
//
// The listener authenticates, bounds and routes a request, then calls one of these functions; the answer is a status
// and a JSON body, or a problem named by its code (the contract's table gives status and title).
// Thread: the calls may block (PostgreSQL, Redis) and come from the listener's small thread pool, several at once, so
// an implementation locks what it shares. checks() alone is called on the listener's own thread and must not block:
// it reports what is known, it does not go and look.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/problem.hpp"

namespace app {

// Either `status` and a JSON `body`, or a problem: its code gives the status, `detail` is a sentence.
struct AdminReply {
  int status = 200;
  std::string body;
  std::optional<net::Code> code;  // there: a problem; status and body are then not looked at
  std::string detail;

  static AdminReply json(int status, std::string body) { return {status, std::move(body), std::nullopt, {}}; }
  static AdminReply problem(net::Code code, std::string detail) { return {0, {}, code, std::move(detail)}; }
};

enum class EventMove : unsigned char { warm, open, pause, resume, close };

// One line of /readyz. The node is ready when every check is.
struct ReadinessCheck {
  std::string name;  // "redis"
  bool ready = false;
  std::string detail;  // "generation not yet trusted"; may be empty
};

class Administration {
 public:
  virtual ~Administration() = default;

  // PUT /admin/v1/events/{event}. `id` is a valid id; `definition` is the request body, unparsed
  // (core::parse_event names the wrong member). 201 when the event is new, 200 when it was there.
  virtual AdminReply put_event(std::string_view id, std::string_view definition) = 0;
  virtual AdminReply list_events() = 0;
  virtual AdminReply show_event(std::string_view id) = 0;
  virtual AdminReply move_event(std::string_view id, EventMove move) = 0;

  virtual std::vector<ReadinessCheck> checks() = 0;
};

constexpr std::string_view name(EventMove move) {
  constexpr std::string_view names[] = {"warm", "open", "pause", "resume", "close"};
  return names[static_cast<unsigned char>(move)];
}

constexpr std::optional<EventMove> event_move(std::string_view word) {
  for (auto move : {EventMove::warm, EventMove::open, EventMove::pause, EventMove::resume, EventMove::close}) {
    if (name(move) == word) return move;
  }
  return std::nullopt;
}

}  // namespace app
