#include "core/spsc.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>

TEST_CASE("a full ring refuses and leaves the value with its owner") {
  core::Spsc<std::unique_ptr<int>> ring{2};
  CHECK(ring.capacity() == 2);
  CHECK(ring.try_push(std::make_unique<int>(1)));
  CHECK(ring.try_push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  CHECK_FALSE(ring.try_push(std::move(third)));
  REQUIRE(third);
  CHECK(*third == 3);
  CHECK(ring.size() == 2);
  std::unique_ptr<int> out;
  CHECK(ring.try_pop(out));
  CHECK(*out == 1);
  CHECK(ring.try_push(std::move(third)));
  CHECK(ring.try_pop(out));
  CHECK(ring.try_pop(out));
  CHECK(*out == 3);
}

TEST_CASE("an empty ring gives nothing and leaves the target as it was") {
  core::Spsc<int> ring{4};
  int out = 7;
  CHECK_FALSE(ring.try_pop(out));
  CHECK(out == 7);
  CHECK(ring.empty());
}

TEST_CASE("order is kept over many rounds of a small ring") {
  core::Spsc<int> ring{4};
  int next_in = 0, next_out = 0, out = -1;
  for (int round = 0; round < 1000; ++round) {
    for (int at = 0; at < round % 4 + 1; ++at) next_in += ring.try_push(next_in);
    for (int at = 0; at < round % 3 + 1; ++at) {
      if (ring.try_pop(out)) CHECK(out == next_out++);
    }
  }
  while (ring.try_pop(out)) CHECK(out == next_out++);
  CHECK(next_in == next_out);
}

TEST_CASE("values nobody took are destroyed with the ring") {
  auto alive = std::make_shared<int>(0);
  {
    core::Spsc<std::shared_ptr<int>> ring{8};
    for (int at = 0; at < 5; ++at) CHECK(ring.try_push(alive));
    std::shared_ptr<int> out;
    CHECK(ring.try_pop(out));
    CHECK(alive.use_count() == 6);
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE("nothing is lost, doubled or reordered between two threads") {
  constexpr uint64_t count = 200'000;
  core::Spsc<std::unique_ptr<uint64_t>> ring{64};
  std::thread producer{[&] {
    for (uint64_t value = 0; value < count; ++value) {
      auto box = std::make_unique<uint64_t>(value);
      while (!ring.try_push(std::move(box))) std::this_thread::yield();
    }
  }};
  uint64_t wrong = 0;
  std::unique_ptr<uint64_t> box;
  for (uint64_t expected = 0; expected < count; ++expected) {
    while (!ring.try_pop(box)) std::this_thread::yield();
    wrong += *box != expected;
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK(ring.empty());
}
