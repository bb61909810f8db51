#include "perf/crowd/habits.hpp"

namespace crowd {
namespace {

bool chance(Random& random, double probability) { return std::bernoulli_distribution{probability}(random); }

template <class Integer>
Integer between(Random& random, Integer low, Integer high) {
  return std::uniform_int_distribution<Integer>{low, high}(random);
}

// Four in ten stand at the door when it opens, three in ten come in waves, the others dribble in.
milliseconds arrival(Random& random, uint32_t buyers) {
  const int64_t span_ms = 4000 + buyers / 2;
  double toss = std::uniform_real_distribution<double>{0, 1}(random);
  if (toss < 0.4) return milliseconds{between<int64_t>(random, 0, 300)};
  if (toss < 0.7) return milliseconds{span_ms * between<int64_t>(random, 1, 4) / 4 + between<int64_t>(random, 0, 30)};
  return milliseconds{between<int64_t>(random, 0, span_ms)};
}

void draw_abandoning(Random& random, Habits& habits) {
  double toss = std::uniform_real_distribution<double>{0, 1}(random);
  if (toss < 0.04) {
    habits.leaves_after_polls = between(random, 1u, 4u);
  } else if (toss < 0.07) {
    habits.vanishes_after_polls = between(random, 1u, 4u);
  }
}

}  // namespace

// Neighbouring seeds must not give neighbouring people: seed_seq mixes all the words.
Random random_of(uint64_t seed, uint32_t buyer) {
  std::seed_seq mixed{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), buyer};
  return Random{mixed};
}

Habits draw_habits(Random& random, uint32_t buyers, uint32_t seats, uint32_t standing) {
  Habits habits;
  habits.arrives_after = arrival(random, buyers);
  habits.places = between(random, 1u, 3u);
  habits.prefers_standing = chance(random, static_cast<double>(standing) / (static_cast<double>(seats) + standing));
  habits.cookies = chance(random, 0.5);
  habits.second_tab = chance(random, 0.15);
  habits.refreshes = chance(random, 0.25);
  habits.double_clicks = chance(random, 0.25);
  habits.uses_keys = chance(random, 0.5);
  habits.impatient = chance(random, 0.03);
  habits.wants_gone_seat = chance(random, 0.15);
  habits.looks_again = chance(random, 0.3);
  habits.extends = chance(random, 0.1);
  habits.peeks = chance(random, 0.05);
  habits.releases_first = chance(random, 0.06);
  habits.walks_away = chance(random, 0.08);
  habits.pays_late = chance(random, 0.03);
  habits.loses_connection = chance(random, 0.15);
  habits.confirms_again = chance(random, 0.1);
  draw_abandoning(random, habits);
  return habits;
}

}  // namespace crowd
