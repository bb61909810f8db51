#include "core/slab.hpp"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <vector>

namespace {

struct Noted {
  explicit Noted(int given, int& count) : value{given}, alive{count} {
    if (given < 0) throw std::invalid_argument{"negative"};
    ++alive;
  }
  ~Noted() { --alive; }
  Noted(const Noted&) = delete;
  Noted& operator=(const Noted&) = delete;
  int value;
  int& alive;
};

}  // namespace

TEST_CASE("a full slab refuses, and a slot that came back is used again") {
  int alive = 0;
  core::Slab<Noted> slab{3};
  std::vector<Noted*> objects;
  for (int at = 0; at < 3; ++at) objects.push_back(slab.take(at, alive));
  CHECK(std::set<Noted*>{objects.begin(), objects.end()}.size() == 3);
  CHECK(slab.take(3, alive) == nullptr);
  CHECK(slab.used() == 3);
  slab.give_back(*objects[1]);
  CHECK(alive == 2);
  auto* again = slab.take(4, alive);
  CHECK(again == objects[1]);
  CHECK(again->value == 4);
  slab.for_each([&](Noted& object) { slab.give_back(object); });
  CHECK(alive == 0);
  CHECK(slab.used() == 0);
}

TEST_CASE("a handle does not find the stranger who lives there now") {
  int alive = 0;
  core::Slab<Noted> slab{1};
  auto* first = slab.take(1, alive);
  const auto handle = slab.handle(*first);
  CHECK(slab.find(handle) == first);
  slab.give_back(*first);
  CHECK(slab.find(handle) == nullptr);
  auto* second = slab.take(2, alive);
  CHECK(second == first);
  CHECK(slab.find(handle) == nullptr);
  CHECK(slab.find(slab.handle(*second)) == second);
  CHECK(slab.find({}) == nullptr);
  CHECK(slab.find({99, 1}) == nullptr);
  slab.give_back(*second);
}

TEST_CASE("a constructor that throws costs no slot") {
  int alive = 0;
  core::Slab<Noted> slab{1};
  CHECK_THROWS(slab.take(-1, alive));
  CHECK(slab.used() == 0);
  auto* object = slab.take(1, alive);
  REQUIRE(object != nullptr);
  slab.give_back(*object);
}

TEST_CASE("objects are aligned as they ask and do not move") {
  struct alignas(64) Wide {
    char bytes[3];
  };
  core::Slab<Wide> slab{4};
  std::vector<Wide*> taken;
  for (int at = 0; at < 4; ++at) taken.push_back(slab.take());
  for (auto* wide : taken) CHECK(reinterpret_cast<uintptr_t>(wide) % 64 == 0);
  for (auto* wide : taken) slab.give_back(*wide);
}

TEST_CASE("a slab without room is only ever full") {
  core::Slab<int> slab{0};
  CHECK(slab.take() == nullptr);
}
