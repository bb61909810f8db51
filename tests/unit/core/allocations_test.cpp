// What hot paths use takes no memory once it is warm. Counts every operator new of this program.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "core/json_reader.hpp"
#include "core/json_writer.hpp"
#include "core/limits.hpp"
#include "core/metrics.hpp"
#include "core/slab.hpp"
#include "core/spsc.hpp"
#include "core/text_buffer.hpp"
#include "core/token.hpp"
#include "core/ulid.hpp"

namespace {
std::atomic<uint64_t> allocations{0};
}

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* room = std::malloc(size ? size : 1)) return room;
  throw std::bad_alloc{};
}
// A sanitizer brings its own for this one, which would not pair with the deletes below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size ? size : 1);
}
void operator delete(void* room) noexcept { std::free(room); }
void operator delete(void* room, std::size_t) noexcept { std::free(room); }

namespace {

// How many allocations the second and the hundred later runs make.
template <class Run>
uint64_t allocations_when_warm(Run run) {
  run();
  const auto before = allocations.load();
  for (int at = 0; at < 100; ++at) run();
  return allocations.load() - before;
}

}  // namespace

TEST_CASE("the counter counts") {
  const auto before = allocations.load();
  std::string text(1000, 'x');
  CHECK(allocations.load() > before);
  CHECK(text.size() == 1000);
}

TEST_CASE("reading a request's body takes no memory") {
  core::JsonReader reader;
  std::array<std::string_view, 64> seats;
  reader.parse(R"({"filler":")" + std::string(core::limits::body_bytes_max - 20, 'x') + "\"}");
  CHECK(allocations_when_warm([&] {
          reader.parse(R"({"seats":["A-1-3","A-1-4"],"payment":{"reference":"a reference beyond the small string"}})");
          reader.texts("seats", seats);
          reader.text("payment.reference", 1, 128);
          reader.integer("fence", 0, 9, 0);
        }) == 0);
  CHECK(reader.good());
}

TEST_CASE("issuing and verifying a token takes no memory") {
  auto keys = core::Keyring::parse("1:" + std::string(64, 'a'));
  REQUIRE(keys);
  const core::EventTokens tokens{*keys, "concert"};
  char text[core::limits::token_bytes_max];
  core::Token token;
  token.set_user(std::string(64, 'u'));
  token.expires_s = 10;
  uint64_t good = 0;
  CHECK(allocations_when_warm([&] { good += tokens.verify({text, tokens.issue(token, text)}, 5).authentic(); }) == 0);
  CHECK(good == 101);
}

TEST_CASE("ids, answers, slabs, rings and counting take no memory") {
  core::UlidGenerator ids;
  core::TextBuffer out;
  core::Slab<int> slab{4};
  core::Spsc<int> ring{4};
  core::Metrics metrics{1};
  const auto counter = metrics.counter("n_total", "N.");
  const auto duration = metrics.histogram("d_seconds", "D.", core::duration_bounds_us, 1e6);
  int popped = 0;
  CHECK(
      allocations_when_warm([&] {
        out.clear();
        const auto id = ids.next(1'795'168'800'000);
        core::JsonWriter json{out};
        json.begin_object().member("hold", id.view()).key("expires_at").instant(1).member("amount", 30800).end_object();
        slab.give_back(*slab.take(7));
        ring.try_push(1);
        ring.try_pop(popped);
        metrics.shard(0).add(counter);
        metrics.shard(0).observe(duration, 700);
      }) == 0);
}
