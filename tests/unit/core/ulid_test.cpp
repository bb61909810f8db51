#include "core/ulid.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

namespace {

void ones(void* bytes, std::size_t size) { std::memset(bytes, 0xff, size); }
void zeros(void* bytes, std::size_t size) { std::memset(bytes, 0, size); }

}  // namespace

TEST_CASE("a ULID is canonical, tells its time and is never handed out twice") {
  core::UlidGenerator ids;
  std::set<std::string> seen;
  std::string last;
  for (int at = 0; at < 20'000; ++at) {
    const int64_t now_ms = 1'795'168'800'000 + at / 1000;
    const auto id = ids.next(now_ms);
    REQUIRE(core::valid_ulid(id.view()));
    REQUIRE(core::ulid_ms(id.view()) == now_ms);
    REQUIRE(id.view() > last);  // ids of one generator grow, also within a millisecond
    last = id.string();
    REQUIRE(seen.insert(last).second);
  }
}

TEST_CASE("a clock that steps back does not make ids step back") {
  core::UlidGenerator ids;
  const auto first = ids.next(2'000'000);
  const auto second = ids.next(1'000'000);
  CHECK(second.view() > first.view());
  CHECK(core::ulid_ms(second.view()) == 2'000'000);
}

TEST_CASE("when the random bits of a millisecond are used up the next one is borrowed") {
  core::UlidGenerator ids{&ones};
  const auto first = ids.next(1'000'000);
  CHECK(first.view().substr(10) == "ZZZZZZZZZZZZZZZZ");
  const auto second = ids.next(1'000'000);
  CHECK(second.view() > first.view());
  CHECK(core::ulid_ms(second.view()) == 1'000'001);
}

TEST_CASE("the next id in a millisecond differs by at least one step") {
  core::UlidGenerator ids{&zeros};
  const auto first = ids.next(5);
  CHECK(first.view() == "00000000050000000000000000");
  CHECK(ids.next(5).view() == "00000000050000000000000001");
}

TEST_CASE("two generators in one millisecond do not collide") {
  core::UlidGenerator a, b;
  std::set<std::string> seen;
  for (int at = 0; at < 1000; ++at) {
    CHECK(seen.insert(a.next(7).string()).second);
    CHECK(seen.insert(b.next(7).string()).second);
  }
}

TEST_CASE("the largest instant fits and the encoding is the published one") {
  core::UlidGenerator ids{&zeros};
  CHECK(ids.next(0xffff'ffff'ffff).view().substr(0, 10) == "7ZZZZZZZZZ");
  CHECK(core::ulid_ms("01ARYZ6S41TSV4RRFFQ69G5FAV") == 1'469'918'176'385);
}

TEST_CASE("what is no canonical ULID is refused") {
  const std::string good = "01ARYZ6S41TSV4RRFFQ69G5FAV";
  CHECK(core::valid_ulid(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'I', 'L', 'O', 'U', 'a', '-', ' ', '\0', '\xff'}) {
      auto bad = good;
      bad[at] = c;
      CHECK_FALSE(core::valid_ulid(bad));
      CHECK_FALSE(core::ulid_ms(bad).has_value());
    }
  }
  CHECK_FALSE(core::valid_ulid(""));
  CHECK_FALSE(core::valid_ulid(good.substr(1)));
  CHECK_FALSE(core::valid_ulid(good + "0"));
  CHECK_FALSE(core::valid_ulid("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
}

TEST_CASE("randomness is spread evenly below a bound and never repeats its bytes") {
  core::Random random;
  int counts[3] = {};
  for (int at = 0; at < 30'000; ++at) ++counts[random.below(3)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 800);  // eight standard deviations and more
  CHECK(random.below(1) == 0);
  std::set<uint64_t> seen;
  for (int at = 0; at < 2000; ++at) CHECK(seen.insert(random.next_u64()).second);
}

TEST_CASE("a piece of randomness larger than the buffer is filled to its end") {
  core::Random random;
  std::string bytes(10'000, '\0');
  random.fill(bytes.data() + 1, bytes.size() - 2);
  CHECK(bytes.front() == '\0');
  CHECK(bytes.back() == '\0');
  CHECK(std::count(bytes.begin(), bytes.end(), '\0') < 200);
}
