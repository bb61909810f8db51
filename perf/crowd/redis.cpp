#include "perf/crowd/redis.hpp"

#include <charconv>
#include <cstdlib>

namespace crowd {
namespace {

constexpr timeval connect_wait{5, 0};

}  // namespace

Redis::Redis(const std::string& url) {
  connect(url);
  if (!context_) problem_ = "out of memory";
  if (context_ && context_->err) problem_ = context_->errstr;
}

void Redis::connect(const std::string& url) {
  constexpr std::string_view tcp = "redis://", unix_socket = "unix://";
  if (url.starts_with(unix_socket)) {
    context_.reset(redisConnectUnixWithTimeout(url.substr(unix_socket.size()).c_str(), connect_wait));
    return;
  }
  std::string rest = url.starts_with(tcp) ? url.substr(tcp.size()) : url;
  std::string credentials;
  if (auto at = rest.rfind('@'); at != rest.npos) {
    credentials = rest.substr(0, at);
    rest = rest.substr(at + 1);
  }
  rest = rest.substr(0, rest.find('/'));
  auto colon = rest.rfind(':');
  int port = colon == rest.npos ? 6379 : 0;
  if (colon != rest.npos) std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
  context_.reset(redisConnectWithTimeout(rest.substr(0, colon).c_str(), port, connect_wait));
  if (credentials.empty() || !context_ || context_->err) return;
  auto split = credentials.find(':');
  const bool named = split != credentials.npos && split > 0;
  std::vector<std::string> auth{"AUTH"};
  if (named) auth.push_back(credentials.substr(0, split));
  auth.push_back(split == credentials.npos ? credentials : credentials.substr(split + 1));
  text(auth);
}

std::string Redis::text(std::vector<std::string> command) {
  if (!problem_.empty()) return {};
  std::vector<const char*> words;
  std::vector<std::size_t> lengths;
  for (const auto& word : command) words.push_back(word.data()), lengths.push_back(word.size());
  auto* raw = redisCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(), lengths.data());
  std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply{static_cast<redisReply*>(raw), freeReplyObject};
  if (!reply) {
    problem_ = context_->errstr;
    return {};
  }
  if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
  std::string value{reply->str ? reply->str : "", reply->str ? static_cast<std::size_t>(reply->len) : 0};
  if (reply->type == REDIS_REPLY_ERROR) problem_ = value;
  return reply->type == REDIS_REPLY_ERROR ? std::string{} : value;
}

int64_t Redis::integer(std::vector<std::string> command) {
  return std::strtoll(text(std::move(command)).c_str(), nullptr, 10);
}

}  // namespace crowd
