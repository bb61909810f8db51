// What the public listener serves besides the API: the waiting page people see when they have to wait, and the
// contract of both listeners as OpenAPI 3.1 (conf/openapi.json).
// Ownership: the pages are in the program. Thread: the loop's.
#pragma once
#include "core/async.hpp"
#include "net/exchange.hpp"

namespace app {

class Pages {
 public:
  core::Async wait(net::Exchange& x);      // GET /wait/{event}?next=PATH
  core::Async contract(net::Exchange& x);  // GET /openapi.json
};

}  // namespace app
