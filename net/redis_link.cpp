#include "net/redis_link.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/assert.hpp"
#include "core/hash.hpp"

namespace net {
namespace {

constexpr int64_t tick_ms = 20;
constexpr std::size_t replid_bytes = 40;

// The value of a line "name:value\r\n" of INFO; empty when there is none.
std::string_view info_value(std::string_view info, std::string_view name_and_colon) {
  for (std::size_t at = 0; at < info.size();) {
    const auto line = info.substr(at, info.find("\r\n", at) - at);
    if (line.starts_with(name_and_colon)) return line.substr(name_and_colon.size());
    at += line.size() + 2;
  }
  return {};
}

// Error replies that say: nothing was done, and not because of the command.
constexpr std::array<std::string_view, 8> cannot_serve = {"NOREPLICAS", "BUSY",        "MISCONF", "OOM",
                                                          "TRYAGAIN",   "CLUSTERDOWN", "MOVED",   "ASK"};
// The same, and this connection will not get better.
constexpr std::array<std::string_view, 4> wrong_server = {"READONLY", "LOADING", "MASTERDOWN", "NOAUTH"};

template <std::size_t Count>
bool contains(const std::array<std::string_view, Count>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

uint64_t count_of(int32_t result) { return result > 0 ? static_cast<uint64_t>(result) : 0; }

}  // namespace

RedisLink::RedisLink(Loop& loop, RedisSettings settings, std::span<const ScriptSource> scripts,
                     const std::atomic<uint64_t>& trusted_generation)
    : loop_{loop},
      settings_{std::move(settings)},
      scripts_{scripts.begin(), scripts.end()},
      trusted_generation_{trusted_generation},
      pipeline_{
          settings_.pipeline,
          {[](void* link, std::string_view message) noexcept { return static_cast<RedisLink*>(link)->judge(message); },
           this}},
      random_{std::random_device{}()} {}

RedisLink::~RedisLink() { ONSALE_ASSERT(stopped()); }

bool RedisLink::trusted() const {
  return generation_ != 0 && generation_ == trusted_generation_.load(std::memory_order_acquire);
}

void RedisLink::start() {
  ONSALE_ASSERT(stopped());
  stopping_ = false;
  look_up();
  loop_.start(tick_timer_, tick_ms);
}

void RedisLink::stop() {
  if (stopped() || stopping_) return;
  stopping_ = true;
  if (state_ != State::closing) lose(core::Error::closed, "stopped");
}

// ---------------------------------------------------------------- commands

core::Error RedisLink::command(std::span<const std::string_view> arguments, Sink sink) {
  return issued(ready() ? pipeline_.append(arguments, sink, loop_.now_ms()) : core::Error::unavailable);
}

core::Error RedisLink::script(const Prepared& head, std::span<const std::string_view> arguments, Sink sink) {
  return issued(ready() ? pipeline_.append(head, arguments, sink, loop_.now_ms()) : core::Error::unavailable);
}

core::Error RedisLink::script(const Prepared& head, std::string_view rendered, uint32_t parts, Sink sink) {
  return issued(ready() ? pipeline_.append(head, rendered, parts, sink, loop_.now_ms()) : core::Error::unavailable);
}

core::Error RedisLink::issued(core::Error error) {
  if (error != core::Error::none) {
    metrics_.refused.add();
    return error;
  }
  metrics_.commands.add();
  appended();
  return error;
}

void RedisLink::appended() {
  if (pipeline_.pending() == 1) quiet_since_ms_ = loop_.now_ms();
  loop_.schedule(flush_hook_);
}

// ---------------------------------------------------------------- connecting

void RedisLink::look_up() {
  state_ = State::resolving;
  if (!settings_.unix_path.empty()) return connect(unix_address(settings_.unix_path));
  looked_up(lookup_.start(settings_.host, settings_.port));
}

void RedisLink::looked_up(NameLookup::State state) {
  if (state == NameLookup::State::found) return connect(lookup_.address(address_attempts_++));
  if (state == NameLookup::State::failed) lose(core::Error::closed, "the name of the Redis host cannot be looked up");
}

void RedisLink::connect(const SocketAddress& address) {
  if (address.bytes == 0) return lose(core::Error::closed, "the path of the Redis socket is too long");
  // Blocking on purpose: io_uring waits for it by itself, and answers EAGAIN for a non-blocking one instead.
  fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return lose(core::Error::closed, "no descriptor is left for Redis");
  state_ = State::connecting;
  deadline_ms_ = loop_.now_ms() + settings_.connect_ms_max;
  connecting_to_ = address;
  io_uring_prep_connect(&loop_.arm(connect_), fd_, connecting_to_.data(), connecting_to_.bytes);
}

void RedisLink::connect_done(Event event) noexcept {
  if (state_ == State::closing) return join();
  if (event.result < 0) return lose(core::Error::closed, "Redis cannot be reached");
  const int one = 1;
  if (connecting_to_.family() != AF_UNIX) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  metrics_.connections.add();
  pipeline_.reopen();
  receive();
  greet();
  if (doomed_ != nullptr) lose(core::Error::closed, doomed_);
}

// ---------------------------------------------------------------- greeting

void RedisLink::greet() {
  state_ = State::greeting;
  metrics_.up.set(0);
  problem_.store("Redis is being greeted", std::memory_order_release);
  reload_ = false;
  scripts_loaded_ = 0;
  greetings_left_ = static_cast<uint32_t>(scripts_.size()) + 1;
  if (!settings_.password.empty()) {
    ++greetings_left_;
    if (settings_.username.empty())
      ask<&RedisLink::authenticated>({"AUTH", settings_.password});
    else
      ask<&RedisLink::authenticated>({"AUTH", settings_.username, settings_.password});
  }
  ask<&RedisLink::identified>({"INFO", "replication"});
  for (const auto& script : scripts_) ask<&RedisLink::script_loaded>({"SCRIPT", "LOAD", script.source});
}

template <void (RedisLink::*Handler)(const resp::View&)>
void RedisLink::ask(std::initializer_list<std::string_view> arguments) {
  const std::span words{arguments.begin(), arguments.size()};
  if (pipeline_.append(words, {&answered<Handler>, this}, loop_.now_ms()) != core::Error::none)
    return doom("the pipeline to Redis is full");
  appended();
}

template <void (RedisLink::*Handler)(const resp::View&)>
void RedisLink::answered(void* link, const resp::View* reply, core::Error error) noexcept {
  auto& self = *static_cast<RedisLink*>(link);
  if (!self.connected()) return;  // told of a loss that is being dealt with
  if (error == core::Error::timeout) return self.doom("Redis does not answer");
  if (reply == nullptr) return self.doom("Redis cannot serve now");
  (self.*Handler)(*reply);
}

void RedisLink::authenticated(const resp::View& reply) {
  if (reply.kind() == resp::Kind::error) return doom("Redis refuses the user or the password");
  greeting_step_done();
}

void RedisLink::identified(const resp::View& reply) {
  identify(reply.text());
  greeting_step_done();
}

void RedisLink::identified_again(const resp::View& reply) {
  rechecking_ = false;
  recheck_at_ms_ = loop_.now_ms() + settings_.recheck_ms;
  identify(reply.text());
}

void RedisLink::identify(std::string_view info) {
  const auto replid = info_value(info, "master_replid:");
  if (info_value(info, "role:") != "master") return doom("this Redis is not the primary");
  if (replid.size() != replid_bytes) return doom("INFO of this Redis has no master_replid");
  generation_ = core::fnv1a(replid);
}

void RedisLink::script_loaded(const resp::View& reply) {
  ONSALE_ASSERT(scripts_loaded_ < scripts_.size());
  if (reply.text() != scripts_[scripts_loaded_++].sha1) return doom("Redis does not take a script");
  greeting_step_done();
}

void RedisLink::greeting_step_done() {
  if (--greetings_left_ > 0 || doomed_ != nullptr) return;
  state_ = State::up;
  attempts_ = 0;
  rechecking_ = false;
  accepted_at_ms_ = loop_.now_ms();
  recheck_at_ms_ = loop_.now_ms() + settings_.recheck_ms;
  metrics_.up.set(1);
  problem_.store("", std::memory_order_release);
}

// ---------------------------------------------------------------- bytes

void RedisLink::flush() noexcept {
  if (!connected() || send_.armed()) return;
  const auto bytes = pipeline_.begin_send();
  if (bytes.empty()) return;
  metrics_.sends.add();
  io_uring_prep_send(&loop_.arm(send_), fd_, bytes.data(), bytes.size(), MSG_WAITALL | MSG_NOSIGNAL);
}

void RedisLink::send_done(Event event) noexcept {
  pipeline_.end_send(count_of(event.result));
  metrics_.sent_bytes.add(count_of(event.result));
  if (state_ == State::closing) return join();
  if (event.result < 0) return lose(core::Error::closed, "the connection to Redis is lost");
  if (pipeline_.unsent_bytes() > 0) loop_.schedule(flush_hook_);
}

void RedisLink::receive() {
  const auto room = pipeline_.receive_room();
  io_uring_prep_recv(&loop_.arm(receive_), fd_, room.data(), room.size(), 0);
}

void RedisLink::receive_done(Event event) noexcept {
  const auto received = pipeline_.received(count_of(event.result));
  metrics_.replies.add(received.replies);
  metrics_.pending.set(pipeline_.pending());
  if (state_ == State::closing) return join();
  if (event.result <= 0) return lose(core::Error::closed, "the connection to Redis is lost");
  if (received.error != core::Error::none) return lose(received.error, "Redis speaks no RESP2");
  if (doomed_ != nullptr) return lose(core::Error::closed, doomed_);
  quiet_since_ms_ = loop_.now_ms();
  receive();
  if (reload_ && state_ == State::up) greet();
}

core::Error RedisLink::judge(std::string_view message) {
  const auto word = message.substr(0, message.find(' '));
  if (word == "NOSCRIPT") {
    if (state_ == State::up && !std::exchange(reload_, true)) metrics_.script_reloads.add();
    return core::Error::unavailable;
  }
  if (contains(cannot_serve, word)) return core::Error::unavailable;
  if (!contains(wrong_server, word)) return core::Error::none;
  doom("this Redis is a replica, loads its data, or wants a password");
  return core::Error::unavailable;
}

// ---------------------------------------------------------------- time

void RedisLink::tick() noexcept {
  const auto now_ms = loop_.now_ms();
  switch (state_) {
    case State::stopped:
    case State::closing:
      break;
    case State::waiting:
      if (now_ms >= deadline_ms_) look_up();
      break;
    case State::resolving:
      looked_up(lookup_.poll());
      [[fallthrough]];
    case State::connecting:
    case State::greeting:
    case State::up:
      watch();
  }
  if (state_ != State::stopped) loop_.start(tick_timer_, tick_ms);
}

void RedisLink::watch() {
  const auto now_ms = loop_.now_ms();
  if (connected()) metrics_.timeouts.add(pipeline_.expire(now_ms));
  if (doomed_ != nullptr) return lose(core::Error::closed, doomed_);
  if (state_ == State::connecting && now_ms >= deadline_ms_)
    return lose(core::Error::closed, "Redis cannot be reached in time");
  if (!connected()) return;
  if (pipeline_.pending() > 0 && now_ms - quiet_since_ms_ >= settings_.silence_ms_max)
    return lose(core::Error::closed, "Redis is silent");
  if (state_ == State::up) look_at_trust();
}

void RedisLink::look_at_trust() {
  const auto now_ms = loop_.now_ms();
  const bool ours = trusted();
  if (ours || trusted_generation_.load(std::memory_order_acquire) == 0) accepted_at_ms_ = now_ms;
  if (now_ms - accepted_at_ms_ >= settings_.distrust_ms_max)
    return lose(core::Error::closed, "another Redis is trusted than this one");
  if (ours || rechecking_ || now_ms < recheck_at_ms_) return;
  rechecking_ = true;
  ask<&RedisLink::identified_again>({"INFO", "replication"});
}

// ---------------------------------------------------------------- losing

// From inside a sink the pipeline cannot be emptied: whoever called the pipeline looks at doomed_ afterwards.
void RedisLink::doom(const char* why) {
  if (doomed_ == nullptr) doomed_ = why;
}

void RedisLink::lose(core::Error error, const char* why) {
  ONSALE_ASSERT(state_ != State::closing && state_ != State::stopped);
  if (connected()) metrics_.losses.add();
  ++attempts_;
  state_ = State::closing;
  doomed_ = nullptr;
  metrics_.up.set(0);
  problem_.store(why, std::memory_order_release);
  if (stopping_) lookup_.cancel();
  loop_.cancel(connect_);
  loop_.cancel(send_);
  loop_.cancel(receive_);
  // Ends them all the same where a kernel does not find them by their address, as some 6.11.
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  pipeline_.fail_all(error);
  metrics_.pending.set(0);
  join();
}

void RedisLink::join() {
  if (connect_.armed() || send_.armed() || receive_.armed()) return;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!stopping_) return wait_and_retry();
  state_ = State::stopped;
  flush_hook_.unschedule();
  tick_timer_.stop();
}

void RedisLink::wait_and_retry() {
  // Full jitter: many nodes that lost the same Redis must not come back in step.
  const auto doublings = std::min<uint32_t>(attempts_ - 1, 16);
  const auto longest_ms = std::min(settings_.backoff_ms_min << doublings, settings_.backoff_ms_max);
  state_ = State::waiting;
  deadline_ms_ = loop_.now_ms() + std::uniform_int_distribution<int64_t>{0, longest_ms}(random_);
}

}  // namespace net
