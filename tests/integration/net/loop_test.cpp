#include "net/loop.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "core/time.hpp"
#include "net/wake.hpp"

namespace {

template <class Until>
void turn_until(net::Loop& loop, Until until, int64_t ms_max = 60'000) {
  auto deadline_ms = core::monotonic_ms() + ms_max;
  while (!until() && core::monotonic_ms() < deadline_ms) loop.turn(20);
  CHECK(until());
}

struct Reader {
  explicit Reader(net::Loop& owner) : loop{owner} { REQUIRE(::pipe(ends.data()) == 0); }
  ~Reader() {
    loop.join(read);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void arm() { io_uring_prep_read(&loop.arm(read), ends[0], bytes, sizeof bytes, 0); }
  void read_done(net::Event event) noexcept {
    ++events;
    result = event.result;
  }
  net::Loop& loop;
  std::array<int, 2> ends{};
  char bytes[16] = {};
  int events = 0;
  int result = 0;
  net::Op<Reader, &Reader::read_done> read{*this};
};

}  // namespace

TEST_CASE("an armed operation answers once through its owner") {
  net::Loop loop;
  REQUIRE(loop.open());
  Reader reader{loop};
  reader.arm();
  CHECK(reader.read.armed());
  REQUIRE(::write(reader.ends[1], "abc", 3) == 3);
  turn_until(loop, [&] { return reader.events == 1; });
  CHECK(reader.result == 3);
  CHECK_FALSE(reader.read.armed());
  CHECK(loop.armed() == 0);
}

TEST_CASE("every operation counts once, also when the kernel took it in a call that then waited in vain") {
  net::Loop loop;
  REQUIRE(loop.open());
  const auto before = loop.metrics().submissions.value();
  Reader reader{loop};
  reader.arm();
  loop.turn(5);  // nobody writes
  CHECK(loop.metrics().submissions.value() == before + 1);
  loop.cancel(reader.read);
  turn_until(loop, [&] { return reader.events == 1; });
  CHECK(loop.metrics().submissions.value() == before + 2);
}

TEST_CASE("a cancelled operation still gives its last event, so its owner knows when it may go") {
  net::Loop loop;
  REQUIRE(loop.open());
  Reader reader{loop};
  reader.arm();
  loop.turn(0);
  loop.cancel(reader.read);
  CHECK(reader.read.armed());
  turn_until(loop, [&] { return !reader.read.armed(); });
  CHECK(reader.result == -ECANCELED);
}

TEST_CASE("more operations than the queue holds are submitted on the way, none is lost") {
  net::Loop loop;
  REQUIRE(loop.open({.submission_entries = 4, .completion_entries = 16}));
  std::array<std::unique_ptr<Reader>, 40> readers;
  for (auto& reader : readers) {
    reader = std::make_unique<Reader>(loop);
    reader->arm();
  }
  for (auto& reader : readers) REQUIRE(::write(reader->ends[1], "x", 1) == 1);
  turn_until(loop, [&] {
    int events = 0;
    for (auto& reader : readers) events += reader->events;
    return events == 40;
  });
}

TEST_CASE("a burst of notifications from another thread wakes a sleeping loop and is not lost") {
  net::Loop loop;
  REQUIRE(loop.open());
  std::atomic<int> produced{0};
  struct Seen {
    std::atomic<int>& produced;
    int taken = 0;
  } seen{produced};
  net::Wake wake{loop,
                 [](void* context) noexcept {
                   auto& self = *static_cast<Seen*>(context);
                   self.taken = self.produced.load();
                 },
                 &seen};
  REQUIRE(wake.open());
  std::thread other{[&] {
    for (int i = 0; i < 20'000; ++i) {
      produced.fetch_add(1);
      wake.notify();
    }
  }};
  turn_until(
      loop, [&] { return seen.taken == 20'000; }, 5000);
  other.join();
}

TEST_CASE("hooks run once a turn in the order of their stages, whatever the order they were scheduled in") {
  net::Loop loop;
  REQUIRE(loop.open());
  struct Step {
    std::string& log;
    char letter;
  };
  std::string log;
  auto run = [](void* context) noexcept {
    auto& step = *static_cast<Step*>(context);
    step.log.push_back(step.letter);
  };
  Step batch{log, 'b'}, link{log, 'l'}, connection{log, 'c'};
  net::Hook c{net::Stage::connections, run, &connection}, l{net::Stage::links, run, &link};
  net::Hook b{net::Stage::batch, run, &batch};
  loop.schedule(c);
  loop.schedule(l);
  loop.schedule(b);
  loop.schedule(b);
  loop.turn(0);
  CHECK(log == "blc");
  loop.turn(0);
  CHECK(log == "blc");
}

TEST_CASE("a hook that schedules itself again runs next turn, at once, and does not hold the loop") {
  net::Loop loop;
  REQUIRE(loop.open());
  struct Again {
    net::Loop& loop;
    int runs = 0;
    net::Hook hook{net::Stage::links,
                   [](void* context) noexcept {
                     auto& self = *static_cast<Again*>(context);
                     ++self.runs;
                     self.loop.schedule(self.hook);
                   },
                   this};
  } again{loop};
  loop.schedule(again.hook);
  auto begin_ms = core::monotonic_ms();
  for (int i = 0; i < 10; ++i) loop.turn(1000);
  CHECK(again.runs == 10);
  CHECK(core::monotonic_ms() - begin_ms < 5000);  // ten waits would be ten seconds
}

TEST_CASE("the loop wakes for its next timer, not for the longest wait it was allowed") {
  net::Loop loop;
  REQUIRE(loop.open());
  bool fired = false;
  net::Timer timer{[](void* context) noexcept { *static_cast<bool*>(context) = true; }, &fired};
  loop.start(timer, 30);
  auto begin_ms = core::monotonic_ms();
  while (!fired && core::monotonic_ms() - begin_ms < 60'000) loop.turn(60'000);
  auto took_ms = core::monotonic_ms() - begin_ms;
  CHECK(fired);
  CHECK(took_ms >= 30);
  CHECK(took_ms < 30'000);  // half of the wait that was allowed
}
