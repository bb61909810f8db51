#include "tests/simulation/kernel/weather.hpp"

#include "tests/simulation/worlds/world.hpp"

namespace simulation {
namespace {

// Nothing in most runs, a little in some, a lot in few.
uint32_t rarely(Chance& chance) { return chance.one_of(0, 0, 0, 0, 5, 50, 300); }

}  // namespace

Weather draw_weather(Chance& chance) {
  Weather weather;
  weather.latency_us_max = chance.one_of(1, 100, 1000, 5000);
  weather.portion_bytes_max = chance.one_of(200, 1500, 64 * 1024);
  weather.send_buffer_bytes = chance.one_of(2048, 16 * 1024, 256 * 1024);
  weather.receive_buffer_bytes = chance.one_of(2048, 16 * 1024, 256 * 1024);
  weather.work_delay_us_max = chance.one_of(0, 50, 1000, 10'000);
  weather.short_send_permille = rarely(chance);
  weather.multishot_ends_permille = rarely(chance);
  weather.unsure_nonempty_permille = rarely(chance);
  weather.interrupted_permille = rarely(chance);
  weather.submit_fails_permille = rarely(chance);
  weather.submit_stops_permille = rarely(chance);
  weather.busy_permille = rarely(chance);
  weather.accept_fails_permille = rarely(chance);
  return weather;
}

}  // namespace simulation
