// The parts between threads, to be run under TSan as well.
#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "core/spsc.hpp"
#include "persist/backoff.hpp"
#include "persist/doorbell.hpp"
#include "persist/writer_pool.hpp"

TEST_CASE("Spsc: requests with what they own pass between two threads in order, through wraps and full rings") {
  core::Spsc<persist::RecordRequest> ring{8};
  constexpr int64_t count = 20'000;
  std::thread consumer{[&] {
    persist::RecordRequest request;
    for (int64_t at = 0; at < count;) {
      if (!ring.try_pop(request)) {
        std::this_thread::yield();
        continue;
      }
      REQUIRE(request.order->amount == at++);
    }
  }};
  for (int64_t at = 0; at < count;) {
    persist::RecordRequest request{std::make_unique<persist::Order>(), nullptr, {}};
    request.order->amount = at;
    if (!ring.try_push(std::move(request))) {
      REQUIRE(request.order != nullptr);  // a full ring takes nothing
      std::this_thread::yield();
      continue;
    }
    ++at;
  }
  consumer.join();
  CHECK(ring.empty());
}

TEST_CASE("Doorbell: nothing that was pushed before a ring is slept over") {
  core::Spsc<int> ring{1024};
  persist::Doorbell bell;
  constexpr int count = 50'000;
  std::thread consumer{[&] {
    int value = 0, expected = 0;
    while (expected < count) {
      bell.take();
      bool any = false;
      for (; ring.try_pop(value); any = true) REQUIRE(value == expected++);
      if (!any) bell.wait(-1);  // hangs here when a ring gets lost
    }
  }};
  for (int at = 0; at < count;) {
    if (!ring.try_push(at)) {
      std::this_thread::yield();
      continue;
    }
    ++at;
    bell.ring();
  }
  consumer.join();
}

TEST_CASE("Doorbell: a burst is one ring") {
  persist::Doorbell bell;
  for (int at = 0; at < 100; ++at) bell.ring();
  CHECK(bell.take());
  CHECK_FALSE(bell.take());
  bell.wait(-1);  // the one write is still there
  bell.wait(1);
  CHECK_FALSE(bell.take());
}

TEST_CASE("Backoff: pauses grow to the limit, are never zero, and start over") {
  persist::Backoff backoff{10, 80};
  for (int64_t limit_ms : {10, 20, 40, 80, 80, 80}) {
    const int64_t pause_ms = backoff.next_ms();
    CHECK(pause_ms >= 1);
    CHECK(pause_ms <= limit_ms);
  }
  backoff.reset();
  CHECK(backoff.next_ms() <= 10);
}
