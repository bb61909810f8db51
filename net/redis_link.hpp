// One core's connection to Redis: a socket around a Pipeline.
//
//   stopped ─start─► resolving ─► connecting ─► greeting ─► up ──lost──► closing ─► waiting (jitter) ─► resolving ...
//                                                  ▲ NOSCRIPT │              (stop: closing ─► stopped)
//                                                  └──────────┘
//
// Greeting: AUTH, then INFO replication before anything else, then SCRIPT LOAD of every script. A replica is not
// greeted twice: the link goes on looking for the primary. What a turn appends leaves in one send at its end.
//
// The generation of a Redis is the hash of its master_replid, which changes whenever its history may have. The link is
// ready() only while that is the generation somebody has checked and trusts; otherwise commands are answered
// `unavailable` at once. While untrusted it asks again every recheck_ms, because a replid may change on a live
// connection, and connects anew when another generation stays the trusted one: the old primary may live on, cut off.
//
// Errors of a command: overload, unavailable - nothing was done. closed, timeout, protocol - maybe done.
// A reply that says this Redis cannot serve now (NOSCRIPT, READONLY, LOADING, BUSY, ...) is `unavailable` too: these
// refuse before the first write of a command or script. Other error replies are given to the sink as replies.
// Ownership: never moves; stop(), turn the loop until stopped(), then destroy. Thread: the loop's; metrics() and
// problem() any.
#pragma once
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "net/completion.hpp"
#include "net/counter.hpp"
#include "net/hook.hpp"
#include "net/loop.hpp"
#include "net/redis_address.hpp"
#include "net/timer.hpp"
#include "net/wire/pipeline.hpp"

namespace net {

struct RedisSettings {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string unix_path;           // used instead of host and port when not empty
  std::string username, password;  // AUTH when the password is not empty
  int64_t connect_ms_max = 1000;   // of one attempt; a slow look-up of the name is waited for
  int64_t silence_ms_max = 3000;   // commands wait and not a byte comes: the connection is given up
  int64_t backoff_ms_min = 10;     // before the next attempt: a random part of this, doubled each time up to
  int64_t backoff_ms_max = 1000;
  int64_t recheck_ms = 50;         // between two looks at the generation while it is not the trusted one
  int64_t distrust_ms_max = 1000;  // another generation is trusted: the address may lead to another Redis by now
  Pipeline::Settings pipeline;     // timeout_ms is the deadline of a command
};

// A script to have loaded. The views must outlive the link.
struct ScriptSource {
  std::string_view name, source;
  std::string_view sha1;  // 40 lower-case hex digits; the link does not come up when Redis computes another
};

struct RedisMetrics {
  Counter commands, sends, sent_bytes;  // commands / sends tells how well a turn batches
  Counter replies, timeouts;
  Counter refused;  // commands answered at once: overload or unavailable
  Counter connections, losses;
  Counter script_reloads;  // NOSCRIPT on a live connection: somebody flushed the scripts
  Counter up;              // 1 while connected and greeted
  Counter pending;         // commands in flight, after the last turn with traffic
};

class RedisLink {
 public:
  // `trusted_generation` is written by whoever checks generations (0: none) and outlives the link.
  RedisLink(Loop& loop, RedisSettings settings, std::span<const ScriptSource> scripts,
            const std::atomic<uint64_t>& trusted_generation);
  ~RedisLink();
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  void start();
  void stop();  // not from inside a sink; every sink that waits gets `closed` before it returns
  bool stopped() const { return state_ == State::stopped; }

  bool up() const { return state_ == State::up; }  // connected, greeted, scripts loaded
  bool ready() const { return up() && trusted(); }
  uint64_t generation() const { return generation_; }  // of the primary last greeted; 0: none yet

  // Each answers overload or unavailable at once, or calls the sink exactly once later.
  core::Error command(std::span<const std::string_view> arguments, Sink sink);
  core::Error command(std::initializer_list<std::string_view> arguments, Sink sink) {
    return command(std::span{arguments.begin(), arguments.size()}, sink);
  }
  core::Error script(const Prepared& head, std::span<const std::string_view> arguments, Sink sink);
  // The same with arguments that are bulk strings already, `parts` of them.
  core::Error script(const Prepared& head, std::string_view rendered, uint32_t parts, Sink sink);

  Loop& loop() { return loop_; }
  const RedisMetrics& metrics() const { return metrics_; }
  // Why the link is not up, in words of ours; empty while it is.
  std::string_view problem() const { return problem_.load(std::memory_order_acquire); }

 private:
  enum class State : uint8_t { stopped, resolving, connecting, greeting, up, closing, waiting };

  bool trusted() const;
  bool connected() const { return state_ == State::greeting || state_ == State::up; }
  core::Error issued(core::Error error);
  void appended();

  void look_up();
  void looked_up(NameLookup::State state);
  void connect(const SocketAddress& address);
  void connect_done(Event event) noexcept;
  void greet();
  template <void (RedisLink::*Handler)(const resp::View&)>
  void ask(std::initializer_list<std::string_view> arguments);
  template <void (RedisLink::*Handler)(const resp::View&)>
  static void answered(void* link, const resp::View* reply, core::Error error) noexcept;
  void authenticated(const resp::View& reply);
  void identified(const resp::View& reply);
  void identified_again(const resp::View& reply);
  void script_loaded(const resp::View& reply);
  void identify(std::string_view info);
  void greeting_step_done();

  void flush() noexcept;
  void send_done(Event event) noexcept;
  void receive();
  void receive_done(Event event) noexcept;
  core::Error judge(std::string_view message);

  void tick() noexcept;
  void watch();
  void look_at_trust();
  void doom(const char* why);
  void lose(core::Error error, const char* why);
  void join();
  void wait_and_retry();

  Loop& loop_;
  RedisSettings settings_;
  std::vector<ScriptSource> scripts_;
  const std::atomic<uint64_t>& trusted_generation_;
  Pipeline pipeline_;
  NameLookup lookup_;
  SocketAddress connecting_to_;  // read by the kernel while connect_ is armed
  int fd_ = -1;

  State state_ = State::stopped;
  bool stopping_ = false;
  bool reload_ = false;           // a script was missing: greet again
  const char* doomed_ = nullptr;  // why the connection must go, found where it could not be torn down
  uint32_t attempts_ = 0;         // since it was last up
  uint32_t address_attempts_ = 0;
  uint32_t greetings_left_ = 0;
  uint32_t scripts_loaded_ = 0;
  bool rechecking_ = false;  // an INFO is in flight
  uint64_t generation_ = 0;
  int64_t deadline_ms_ = 0;  // of the state
  int64_t recheck_at_ms_ = 0;
  int64_t accepted_at_ms_ = 0;  // when no other generation than ours was trusted last
  int64_t quiet_since_ms_ = 0;  // commands wait since then, and not a byte has come
  std::atomic<const char*> problem_{"not started"};
  std::minstd_rand random_;

  Op<RedisLink, &RedisLink::connect_done> connect_{*this};
  Op<RedisLink, &RedisLink::send_done> send_{*this};
  Op<RedisLink, &RedisLink::receive_done> receive_{*this};
  HookOf<RedisLink, &RedisLink::flush> flush_hook_{Stage::links, *this};
  TimerOf<RedisLink, &RedisLink::tick> tick_timer_{*this};
  RedisMetrics metrics_;
};

}  // namespace net
