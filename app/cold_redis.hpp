// A blocking connection to Redis for what is not in a hurry: the keeper, the log of the announcer, the admin calls.
//
// Nothing reconnects by itself: after an error the connection is closed and every call answers `unavailable` until
// connect() succeeds again, because what was learned on a connection (the generation, a WATCH) dies with it.
// Ownership: owns the socket; a Reply owns what it holds. Thread: one at a time.
#pragma once
#include <hiredis/hiredis.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "lua/scripts.hpp"

namespace app {

// One reply, or an element of one. Asking for the wrong kind gives the empty value, never an error.
class Reply {
 public:
  Reply() = default;
  explicit Reply(void* owned) : owned_{static_cast<redisReply*>(owned)} {}
  class View;
  View view() const;
  const redisReply* raw() const { return owned_.get(); }

 private:
  struct Free {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  std::unique_ptr<redisReply, Free> owned_;
};

// Lives no longer than its Reply.
class Reply::View {
 public:
  explicit View(const redisReply* reply) : reply_{reply} {}
  bool null() const { return !reply_ || reply_->type == REDIS_REPLY_NIL; }
  bool error() const { return reply_ && reply_->type == REDIS_REPLY_ERROR; }
  bool array() const { return reply_ && reply_->type == REDIS_REPLY_ARRAY; }
  // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): array() says that there is a reply
  std::size_t size() const { return array() ? reply_->elements : 0; }
  View operator[](std::size_t at) const { return View{at < size() ? reply_->element[at] : nullptr}; }
  std::string_view text() const;  // of a bulk, a status or an error
  int64_t number() const;         // an integer, or the digits at the start of a bulk; else 0

 private:
  const redisReply* reply_;
};

inline Reply::View Reply::view() const { return View{owned_.get()}; }

class ColdRedis {
 public:
  struct Settings {
    std::string host = "127.0.0.1";
    uint16_t port = 6379;
    std::string unix_path{};             // not empty: instead of host and port
    std::string username{}, password{};  // both empty: no AUTH
    int64_t timeout_ms = 1000;           // of connecting, and of each read or write
  };
  using Words = std::span<const std::string_view>;

  explicit ColdRedis(Settings settings) : settings_{std::move(settings)} {}

  // Connects and authenticates unless that is done already.
  core::Status connect();
  bool connected() const { return link_ != nullptr; }
  void disconnect() { link_.reset(), pending_ = 0; }
  // Why the last call failed, for people.
  const std::string& problem() const { return problem_; }

  // One command. A Redis error is a Reply (view().error()), not an Error.
  core::Result<Reply> command(Words words);
  core::Result<Reply> command(std::initializer_list<std::string_view> words) {
    return command({words.begin(), words.size()});
  }

  // Pipelining: append any number, then finish() gives all replies in order.
  void append(Words words);
  void append(std::initializer_list<std::string_view> words) { append({words.begin(), words.size()}); }
  core::Result<std::vector<Reply>> finish();

  // EVALSHA over the event's keys in the script's order; loads the script when Redis does not have it.
  core::Result<Reply> script(const lua::Script& script, std::string_view event, Words arguments);
  core::Result<Reply> script(const lua::Script& one, std::string_view event,
                             std::initializer_list<std::string_view> arguments) {
    return script(one, event, Words{arguments.begin(), arguments.size()});
  }

 private:
  struct Close {
    void operator()(redisContext* link) const { redisFree(link); }
  };
  core::Status fail(std::string why);
  core::Error lost();
  core::Status greet();

  Settings settings_;
  std::unique_ptr<redisContext, Close> link_;
  std::size_t pending_ = 0;  // replies not read yet
  std::string problem_;
};

// The value after "name:" in an INFO reply; empty when there is none.
std::string_view info_field(std::string_view info, std::string_view name);

}  // namespace app
