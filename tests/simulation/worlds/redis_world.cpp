// A RedisLink with batches against a Redis that has bad days. What must hold, whatever the weather:
//
// - Every command that was accepted is answered exactly once: with its own reply, or with an error.
// - overload and unavailable mean that Redis never executed it; nothing is ever executed twice.
// - Once Redis is well again, the link is soon ready, and then every command is answered.
// - In the end nothing is left armed, open or waiting.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/batch.hpp"
#include "net/redis_link.hpp"
#include "tests/simulation/kernel/ring.hpp"
#include "tests/simulation/worlds/redis_model.hpp"
#include "tests/simulation/worlds/world.hpp"

namespace simulation {
namespace {

constexpr std::string_view source = "return ARGV";
constexpr std::string_view sha1 = "0123456789abcdef0123456789abcdef01234567";
constexpr int64_t recovery_ms_max = 12'000;  // silence, a connect in vain, the longest pause, and the greeting

constexpr std::size_t storm_commands_max = 3000;

class RedisWorld;

// A command and what became of it.
struct Command {
  RedisWorld* world;
  std::string id;
  bool accepted = false;
  uint32_t answers = 0;
  core::Error error = core::Error::none;
  std::string text;
};

net::RedisSettings draw_settings(Chance& chance) {
  net::RedisSettings settings;
  settings.port = RedisModel::port;
  settings.connect_ms_max = chance.between(50, 1000);
  settings.silence_ms_max = chance.between(500, 3000);
  settings.pipeline.depth_max = chance.one_of(8, 64, 4096);
  settings.pipeline.unsent_bytes_max = chance.one_of(4096, 64 * 1024, 4 * 1024 * 1024);
  settings.pipeline.receive_bytes = chance.one_of(1, 64, 4096);
  settings.pipeline.timeout_ms = chance.between(300, 1000);
  return settings;
}

class RedisWorld {
 public:
  RedisWorld(uint64_t seed, bool printed);
  void run();
  uint64_t hash() const { return kernel_.trace.hash(); }

 private:
  std::string execute(const Words& words);
  void count(const std::string& id);
  void issue_some() noexcept;
  void issue();
  static void answered(void* command, const net::resp::View* reply, core::Error error) noexcept;
  void keep() noexcept;
  void strike();
  void recover();
  void probe();
  void check() const;
  void check(const Command& command) const;
  void end();

  Chance draw_;
  Kernel kernel_;
  RedisModel redis_;
  net::Loop loop_;
  std::atomic<uint64_t> trusted_{0};
  std::unique_ptr<net::RedisLink> link_;
  std::unique_ptr<net::Batch> batch_;
  const net::Prepared head_ = net::prepare_script(sha1, std::array<std::string, 1>{"{e}:meta"});
  std::deque<Command> commands_;
  std::map<std::string, uint32_t> executed_;
  bool storm_ = true;
  net::TimerOf<RedisWorld, &RedisWorld::issue_some> issue_timer_{*this};
  net::TimerOf<RedisWorld, &RedisWorld::keep> keeper_timer_{*this};
};

RedisWorld::RedisWorld(uint64_t seed, bool printed)
    : draw_{seed},
      kernel_{draw_.next(), draw_weather(draw_)},
      redis_{
          kernel_, {{std::string{source}, std::string{sha1}}}, [this](const Words& words) { return execute(words); }} {
  kernel_.trace.print(printed);
  // A cancel that takes long: the next connection is due before the last one has been let go.
  if (draw_.happens(200)) kernel_.weather.work_delay_us_max = 100'000;
}

// ---------------------------------------------------------------- Redis' side

void RedisWorld::count(const std::string& id) {
  if (++executed_[id] > 1) fail("command " + id + " was executed twice");
}

// ECHO id; EVALSHA sha 1 key epoch id id ...: each id comes back. Now and then a script fails, or answers for others.
std::string RedisWorld::execute(const Words& words) {
  if (words[0] == "ECHO") {
    count(words[1]);
    return bulk(words[1]);
  }
  std::string items;
  for (std::size_t at = 5; at < words.size(); ++at) {
    count(words[at]);
    items += bulk(words[at]);
  }
  if (storm_ && draw_.happens(30)) return "-ERR the script failed\r\n";
  if (storm_ && draw_.happens(30)) return fmt::format("*{}\r\n{}{}", words.size() - 4, items, bulk("one too many"));
  return fmt::format("*{}\r\n{}", words.size() - 5, items);
}

// ---------------------------------------------------------------- our side

void RedisWorld::issue() {
  commands_.push_back({this, fmt::format("c{}", commands_.size()), false, 0, core::Error::none, ""});
  auto& command = commands_.back();
  const net::Sink sink{&RedisWorld::answered, &command};
  const std::string_view id{command.id};
  switch (draw_.below(4)) {
    case 0:
      command.error = link_->command({"ECHO", id}, sink);
      break;
    case 1:
      command.error = link_->script(head_, std::array<std::string_view, 2>{"1", id}, sink);
      break;
    default:
      command.error = batch_->add(std::array{id}, sink);
  }
  command.accepted = command.error == core::Error::none;
}

// In crowds while there is a storm. In the calm a little all the time: a link that has lost count of its replies would
// else be silent, and connect anew.
void RedisWorld::issue_some() noexcept {
  auto count = storm_ ? draw_.one_of(1, 1, 3, 20, 200) : 1;
  if (storm_ && commands_.size() > storm_commands_max) count = 0;
  for (; count > 0; --count) issue();
  loop_.start(issue_timer_, storm_ ? draw_.one_of(0, 10, 50, 300) : 100);
}

void RedisWorld::answered(void* context, const net::resp::View* reply, core::Error error) noexcept {
  auto& command = *static_cast<Command*>(context);
  auto& world = *command.world;
  world.kernel_.note("answered", static_cast<int>(error));
  if (++command.answers > 1) fail("command " + command.id + " was answered twice");
  if (!command.accepted) fail("command " + command.id + " was refused and answered all the same");
  command.error = error;
  if (reply != nullptr) {
    const auto alone = reply->kind() == net::resp::Kind::array;
    command.text = alone ? (*reply)[0].text() : reply->text();
  }
  if (world.storm_ && world.draw_.happens(50)) world.issue();
}

// Trusts what Redis is, most of the time.
void RedisWorld::keep() noexcept {
  const auto doubtful = storm_ && draw_.happens(100);
  trusted_.store(doubtful ? draw_.one_of(0, 12345) : redis_.generation(), std::memory_order_release);
  loop_.start(keeper_timer_, storm_ ? draw_.one_of(20, 200, 1500) : 20);
}

// ---------------------------------------------------------------- what happens

void RedisWorld::strike() {
  if (!storm_) return;
  constexpr std::array refusals{"LOADING Redis is loading", "BUSY a script runs",    "OOM command not allowed",
                                "MISCONF no snapshot",      "NOREPLICAS not enough", "NOAUTH Authentication required."};
  switch (draw_.below(11)) {
    case 0:
      redis_.stop_for(draw_.one_of(200, 1200, 8000));
      break;
    case 1:
      redis_.cut();
      break;
    case 2:
      redis_.fail_over(draw_.happens(500));
      break;
    case 3:
      redis_.set_replica(true);
      break;
    case 4:
      redis_.flush_scripts();
      break;
    case 5:
      redis_.refuse(refusals[draw_.below(refusals.size())]);
      break;
    case 6:
      redis_.set_reception(Kernel::Reception::refused);
      break;
    case 7:
      redis_.set_reception(Kernel::Reception::silent);
      break;
    case 8:
      redis_.babble();
      break;
    case 9:
      redis_.set_delay_us_max(draw_.one_of(10'000, 500'000));
      break;
    default:
      redis_.recover();
  }
  kernel_.agenda.in_ms(draw_.one_of(1, 30, 300, 3000), [this] { strike(); });
}

void RedisWorld::recover() {
  storm_ = false;
  redis_.recover();
  kernel_.weather.work_delay_us_max = std::min(kernel_.weather.work_delay_us_max, 10'000u);
  const auto until_ms = kernel_.agenda.now_ms() + recovery_ms_max;
  while (!link_->ready()) {
    loop_.turn(50);
    if (kernel_.agenda.now_ms() > until_ms) fail(fmt::format("the link does not recover: {}", link_->problem()));
  }
  turn_for(kernel_, loop_, recovery_ms_max);
  issue_timer_.stop();
  probe();  // a Redis that has lost its scripts tells with the first of these
  const auto first = commands_.size();
  probe();
  for (auto at = first; at < commands_.size(); ++at)
    if (commands_[at].text != commands_[at].id)
      fail(fmt::format("after the recovery a command fails: {}", core::name(commands_[at].error)));
}

void RedisWorld::probe() {
  for (auto at = 0; at < 8; ++at) issue();
  turn_for(kernel_, loop_, 1100);
}

// ---------------------------------------------------------------- what must hold

void RedisWorld::check(const Command& command) const {
  if (command.answers != (command.accepted ? 1 : 0))
    fail(fmt::format("command {} was answered {} times", command.id, command.answers));
  const auto executed = executed_.contains(command.id);
  const auto replied = command.accepted && command.error == core::Error::none;
  const auto own = command.text == command.id && executed;
  if (replied && !own && !command.text.starts_with("ERR "))
    fail(fmt::format("command {} got the reply '{}'", command.id, command.text));
  const auto nothing_done = command.error == core::Error::overload || command.error == core::Error::unavailable;
  if (nothing_done && executed)
    fail(fmt::format("command {} was {} and yet executed", command.id, core::name(command.error)));
}

void RedisWorld::check() const {
  for (const auto& command : commands_) check(command);
  if (link_->metrics().pending.value() != 0) fail("commands are still pending");
}

void RedisWorld::end() {
  issue_timer_.stop();
  keeper_timer_.stop();
  link_->stop();
  const auto until_ms = kernel_.agenda.now_ms() + 1000;
  while (!link_->stopped() || !batch_->idle()) {
    loop_.turn(10);
    if (kernel_.agenda.now_ms() > until_ms) fail("the link does not stop");
  }
  storm_ = false;
  redis_.recover();
  turn_for(kernel_, loop_, 2000);  // what is on its way arrives, and Redis reads it
  check();
  if (!redis_.idle()) fail("Redis has not read all");
  if (loop_.armed() != 0) fail("something is still armed");
  if (kernel_.open_descriptors() != 0) fail("a descriptor is left open");
  batch_.reset();
}

void RedisWorld::run() {
  const auto submissions = draw_.one_of(4, 256);
  if (const auto opened = loop_.open({submissions, submissions * 2}); !opened) fail(opened.problem);
  const net::ScriptSource scripts[] = {{"echo", source, sha1}};
  link_ = std::make_unique<net::RedisLink>(loop_, draw_settings(draw_), scripts, trusted_);
  batch_ = std::make_unique<net::Batch>(*link_, head_, 1);
  batch_->set_epoch(1);
  link_->start();
  keep();
  issue_some();
  strike();
  turn_for(kernel_, loop_, draw_.between(10, 10'000));
  if (draw_.happens(700)) recover();
  end();
}

}  // namespace

uint64_t run_redis_world(uint64_t seed, bool printed) {
  RedisWorld world{seed, printed};
  world.run();
  return world.hash();
}

}  // namespace simulation
