// What the simulated servers serve: handlers that answer at once, sleep, or wait for a batch. Every answer names its
// request, so that one for somebody else is seen.
// Ownership: one a loop; the loop outlives it. Thread: one.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/async.hpp"
#include "net/batch.hpp"
#include "net/exchange.hpp"
#include "net/loop.hpp"
#include "net/router.hpp"
#include "tests/simulation/kernel/chance.hpp"
#include "tests/simulation/worlds/visitor.hpp"

namespace simulation {

// Carries the calls of a batch nowhere, and answers them some time later: each item with itself, or with an error.
class Echo {
 public:
  Echo(net::Loop& loop, Chance& chance) : loop_{loop}, chance_{chance} {}
  net::ScriptCarrier carrier();

 private:
  struct Call {
    std::string reply;
    net::Sink sink;
  };
  core::Error take(std::string_view rendered, uint32_t parts, net::Sink sink);
  void answer() noexcept;
  net::Loop& loop_;
  Chance& chance_;
  std::vector<Call> calls_;
  net::TimerOf<Echo, &Echo::answer> timer_{*this};
};

class Desk {
 public:
  Desk(net::Loop& loop, Chance& chance);
  std::vector<net::Route> routes();
  bool idle() const { return batch_.idle(); }

  // Requests and the answers they must get. The routes "now", "sleep" and "batch" answer with the id.
  static Request ask(std::string_view route, const std::string& id);
  static Request ask_large(const std::string& id);  // 40 kB
  // `expects`: with "Expect: 100-continue", although the body is on its way.
  static Request ask_echo(const std::string& body, bool expects = false);

 private:
  core::Async now(net::Exchange& x);
  core::Async echo(net::Exchange& x);
  core::Async large(net::Exchange& x);
  core::Async sleep(net::Exchange& x);
  core::Async batch(net::Exchange& x);

  net::Loop& loop_;
  Echo echo_;
  net::Batch batch_;
};

}  // namespace simulation
