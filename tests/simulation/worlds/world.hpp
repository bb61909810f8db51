// What a simulated world is: a name, and a run from a seed that returns the hash of all that happened, or ends the
// process when an invariant does not hold.
#pragma once
#include <cstdint>
#include <string_view>

#include "net/loop.hpp"
#include "net/server.hpp"
#include "tests/simulation/kernel/chance.hpp"
#include "tests/simulation/kernel/weather.hpp"

namespace simulation {

struct World {
  std::string_view name, what;
  uint64_t (*run)(uint64_t seed, bool printed);
};

uint64_t run_server_world(uint64_t seed, bool printed);
uint64_t run_redis_world(uint64_t seed, bool printed);
uint64_t run_sale_world(uint64_t seed, bool printed);

class Kernel;

// Turns the loop for so long of virtual time.
void turn_for(Kernel& kernel, net::Loop& loop, int64_t ms);
// Ends the run when a closed server has left a buffer, a receive buffer or a slot in use.
void check_nothing_left(Kernel& kernel, net::Loop& loop, const net::Server& server);

// A weather of the seed's: calm in most respects, bad in some.
Weather draw_weather(Chance& chance);

}  // namespace simulation
