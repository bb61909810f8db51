#include "tests/simulation/worlds/world.hpp"

#include "tests/simulation/kernel/kernel.hpp"
#include "tests/simulation/kernel/ring.hpp"

namespace simulation {

void turn_for(Kernel& kernel, net::Loop& loop, int64_t ms) {
  for (const auto until_ms = kernel.agenda.now_ms() + ms; kernel.agenda.now_ms() < until_ms;) loop.turn(50);
}

void check_nothing_left(Kernel& kernel, net::Loop& loop, const net::Server& server) {
  auto& ring = kernel.ring(loop.ring().ring_fd);
  if (server.memory().bytes_used().value() != 0) fail("a buffer is lost");
  if (!ring.buffers_are_back()) fail("a receive buffer is lost");
  if (ring.files_used() != 0) fail("a slot of the ring is left in use");
}

}  // namespace simulation
