// Which call of the operations listener a request means. Pure: method and target in, a call out.
// Views refer to the arguments. Thread: any.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "app/administration.hpp"

namespace app::operations {

enum class Action : uint8_t {
  livez,
  readyz,
  metrics,
  list_events,
  show_event,
  put_event,
  move_event,
  later,  // in the contract, not in this version: 501
  not_found,
  wrong_method,  // `allow` says which would do
  bad_event,     // the event's id is malformed
};

struct Call {
  Action action = Action::not_found;
  std::string_view event;
  EventMove move = EventMove::warm;
  std::string allow;  // "GET, HEAD, PUT"
};

// `target` is the request's, with or without a query.
Call call_of(std::string_view method, std::string_view target);

// True when the target needs the admin token, whether there is such a call or not.
bool is_admin(std::string_view target);

}  // namespace app::operations
