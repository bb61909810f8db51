#include "app/cold_redis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "core/assert.hpp"

namespace app {
namespace {

timeval interval(int64_t ms) { return {static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)}; }

bool no_script(const Reply& reply) { return reply.view().error() && reply.view().text().starts_with("NOSCRIPT"); }

}  // namespace

std::string_view Reply::View::text() const {
  if (!reply_ || !reply_->str) return {};
  return {reply_->str, reply_->len};
}

int64_t Reply::View::number() const {
  if (reply_ && reply_->type == REDIS_REPLY_INTEGER) return reply_->integer;
  int64_t value = 0;
  std::from_chars(text().data(), text().data() + text().size(), value);
  return value;
}

core::Status ColdRedis::fail(std::string why) {
  problem_ = std::move(why);
  disconnect();
  return {problem_};
}

core::Status ColdRedis::connect() {
  if (link_) return {};
  const auto timeout = interval(settings_.timeout_ms);
  const bool local = !settings_.unix_path.empty();
  link_.reset(local ? redisConnectUnixWithTimeout(settings_.unix_path.c_str(), timeout)
                    : redisConnectWithTimeout(settings_.host.c_str(), settings_.port, timeout));
  const auto where = local ? settings_.unix_path : fmt::format("{}:{}", settings_.host, settings_.port);
  if (!link_) return fail("no memory for a connection to Redis");
  if (link_->err) return fail(fmt::format("cannot reach Redis at {}: {}", where, link_->errstr));
  redisSetTimeout(link_.get(), timeout);
  return greet();
}

core::Status ColdRedis::greet() {
  if (settings_.password.empty()) return {};
  auto answer = settings_.username.empty() ? command({"AUTH", settings_.password})
                                           : command({"AUTH", settings_.username, settings_.password});
  if (!answer) return {problem_};
  if (answer->view().error()) return fail(fmt::format("Redis refuses the password: {}", answer->view().text()));
  return {};
}

core::Error ColdRedis::lost() {
  const bool slow = link_ && link_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
  const bool garbled = link_ && link_->err == REDIS_ERR_PROTOCOL;
  (void)fail(fmt::format("Redis: {}", slow ? "no answer in time" : link_ ? link_->errstr : "not connected"));
  return slow ? core::Error::timeout : garbled ? core::Error::protocol : core::Error::closed;
}

void ColdRedis::append(Words words) {
  ONSALE_ASSERT(!words.empty());
  if (!link_) return;
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (auto word : words) texts.push_back(word.data()), lengths.push_back(word.size());
  if (redisAppendCommandArgv(link_.get(), static_cast<int>(words.size()), texts.data(), lengths.data()) != REDIS_OK)
    (void)lost();
  else
    ++pending_;
}

core::Result<std::vector<Reply>> ColdRedis::finish() {
  if (!link_) return {{}, core::Error::unavailable};
  std::vector<Reply> replies;
  replies.reserve(pending_);
  for (; pending_ > 0; --pending_) {
    void* reply = nullptr;
    if (redisGetReply(link_.get(), &reply) != REDIS_OK) return {{}, lost()};
    replies.emplace_back(reply);
  }
  return {std::move(replies)};
}

core::Result<Reply> ColdRedis::command(Words words) {
  ONSALE_ASSERT(pending_ == 0);
  append(words);
  auto replies = finish();
  if (!replies) return {{}, replies.error};
  return {std::move(replies->front())};
}

core::Result<Reply> ColdRedis::script(const lua::Script& script, std::string_view event, Words arguments) {
  std::vector<std::string> keys;
  for (const auto& key : script.keys) keys.push_back(lua::key_of(event, key));
  const auto count = std::to_string(keys.size());
  std::vector<std::string_view> words{"EVALSHA", script.sha1, count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto reply = command(words);
  if (!reply || !no_script(reply.value)) return reply;
  auto loaded = command({"SCRIPT", "LOAD", script.source});
  if (!loaded) return loaded;
  if (loaded->view().error()) return loaded;  // does not compile: the caller reports Redis' own words
  return command(words);
}

std::string_view info_field(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const auto end = std::min(info.find('\n'), info.size());
    auto line = info.substr(0, end);
    info.remove_prefix(std::min(end + 1, info.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return line.substr(name.size() + 1);
  }
  return {};
}

}  // namespace app
