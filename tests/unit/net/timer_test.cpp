#include "net/timer.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

namespace {

struct Probe {
  int fired = 0;
  net::Timer timer{[](void* context) noexcept { ++static_cast<Probe*>(context)->fired; }, this};
};

}  // namespace

TEST_CASE("a timer never fires early and at most one step late") {
  net::TimerWheel wheel{1000};
  Probe probe;
  wheel.start(probe.timer, 1025);
  wheel.expire(1024);
  CHECK(probe.fired == 0);
  wheel.expire(1030);
  CHECK(probe.fired == 1);
  CHECK_FALSE(probe.timer.running());
  wheel.expire(50'000);
  CHECK(probe.fired == 1);
}

TEST_CASE("a stopped timer does not fire and a restarted one fires at the new instant only") {
  net::TimerWheel wheel{0};
  Probe stopped, restarted;
  wheel.start(stopped.timer, 50);
  wheel.start(restarted.timer, 50);
  stopped.timer.stop();
  stopped.timer.stop();
  wheel.start(restarted.timer, 200);
  wheel.expire(100);
  CHECK(stopped.fired == 0);
  CHECK(restarted.fired == 0);
  wheel.expire(200);
  CHECK(restarted.fired == 1);
}

TEST_CASE("a timer several rotations away waits for its own round") {
  net::TimerWheel wheel{0};
  Probe probe;
  wheel.start(probe.timer, 35'000);
  for (int64_t now_ms = 0; now_ms < 35'000; now_ms += 130) wheel.expire(now_ms);
  CHECK(probe.fired == 0);
  wheel.expire(35'000);
  CHECK(probe.fired == 1);
}

TEST_CASE("a loop that slept longer than a rotation still fires everything that is due") {
  net::TimerWheel wheel{0};
  std::vector<std::unique_ptr<Probe>> probes;
  for (int64_t due_ms = 0; due_ms < 60'000; due_ms += 777) {
    probes.push_back(std::make_unique<Probe>());
    wheel.start(probes.back()->timer, due_ms);
  }
  wheel.expire(120'000);
  for (auto& probe : probes) CHECK(probe->fired == 1);
}

TEST_CASE("a handler may stop a timer that is due in the same step, and start its own again") {
  struct Pair {
    net::TimerWheel& wheel;
    int fired = 0;
    net::Timer first{[](void* context) noexcept {
                       auto& self = *static_cast<Pair*>(context);
                       ++self.fired;
                       self.second.stop();
                       self.wheel.start(self.first, 0);  // an instant in the past
                     },
                     this};
    net::Timer second{[](void* context) noexcept { static_cast<Pair*>(context)->fired += 100; }, this};
  };
  net::TimerWheel wheel{0};
  Pair pair{wheel};
  wheel.start(pair.first, 20);
  wheel.start(pair.second, 20);
  wheel.expire(20);
  CHECK(pair.fired == 1);
  wheel.expire(30);
  CHECK(pair.fired == 2);
}

TEST_CASE("the wait is never longer than the next timer, whatever was started and stopped") {
  std::mt19937 random{42};
  net::TimerWheel wheel{0};
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<int64_t> due(64);
  for (int i = 0; i < 64; ++i) probes.push_back(std::make_unique<Probe>());
  int64_t now_ms = 0;
  for (int round = 0; round < 5000; ++round) {
    auto which = random() % 64;
    if (random() % 4 == 0) {
      probes[which]->timer.stop();
    } else {
      due[which] = now_ms + random() % 30'000;
      wheel.start(probes[which]->timer, due[which]);
    }
    now_ms += wheel.wait_ms(now_ms, random() % 300);
    wheel.expire(now_ms);
    for (std::size_t at = 0; at < 64; ++at) {
      if (probes[at]->timer.running()) CHECK(due[at] > now_ms - net::TimerWheel::step_ms);
    }
  }
}

TEST_CASE("a wheel without timers waits as long as it may") {
  net::TimerWheel wheel{5};
  CHECK(wheel.wait_ms(5, 1234) == 1234);
}
