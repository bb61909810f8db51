#include "tests/integration/lua/sale.hpp"

#include <algorithm>
#include <stdexcept>

namespace lua_tests {

fixtures::RedisServer& Sale::server() {
  static fixtures::RedisServer redis;
  return redis;
}

Sale::Sale(int seats, const Terms& terms) {
  link_.reset(redisConnect("127.0.0.1", server().port()));
  if (!link_ || link_->err) throw std::runtime_error{"no connection to Redis"};
  run({"FLUSHALL"});
  call("freeze", {"1", "warmed"});
  const auto count = std::to_string(seats);
  command({"HSET",
           "meta",
           "rate_per_s",
           terms.rate_per_s,
           "active_max",
           terms.active_max,
           "active_ttl_ms",
           terms.active_ttl_ms,
           "orders_per_admission",
           terms.orders_per_admission,
           "hold_ttl_ms",
           terms.hold_ttl_ms,
           "extensions",
           terms.extensions,
           "seats_per_user",
           terms.seats_per_user,
           "log_max",
           terms.log_max,
           "lag_max",
           terms.lag_max,
           "available",
           count,
           "held",
           "0",
           "sold",
           "0"});
  command({"SET", "seats", std::string(static_cast<std::size_t>(seats), '.')});
  call("thaw", {"1", "replid"});
  call("transition", {"1", "warmed", "open"});
}

std::string Sale::run(const Arguments& arguments) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const auto& argument : arguments) texts.push_back(argument.data()), sizes.push_back(argument.size());
  auto* reply = static_cast<redisReply*>(
      redisCommandArgv(link_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data()));
  if (reply == nullptr) throw std::runtime_error{link_->errstr};
  std::string out;
  write(*reply, out);
  freeReplyObject(reply);
  return out;
}

void Sale::write(const redisReply& reply, std::string& out) {
  switch (reply.type) {
    case REDIS_REPLY_ARRAY:
      out += '[';
      for (std::size_t at = 0; at < reply.elements; ++at) {
        if (at > 0) out += ',';
        write(*reply.element[at], out);
      }
      out += ']';
      return;
    case REDIS_REPLY_INTEGER:
      out += std::to_string(reply.integer);
      return;
    case REDIS_REPLY_NIL:
      out += "nil";
      return;
    case REDIS_REPLY_ERROR:
      out += "error: ";
      [[fallthrough]];
    default:
      out.append(reply.str, reply.len);
  }
}

std::string Sale::call(std::string_view script, Arguments arguments) {
  const auto& made = scripts_[script];
  Arguments all{"EVAL", made.source, std::to_string(made.keys.size())};
  for (const auto& key : made.keys) all.push_back(lua::key_of("e", key));
  std::ranges::move(arguments, std::back_inserter(all));
  return run(all);
}

std::string Sale::epoch1(std::string_view script, Arguments arguments) {
  arguments.insert(arguments.begin(), "1");
  return call(script, std::move(arguments));
}

std::string Sale::command(Arguments arguments) {
  arguments[1] = lua::key_of("e", arguments[1]);
  return run(arguments);
}

void Sale::admit(Arguments users) {
  for (const auto& user : users) command({"ZADD", "active", "99999999999999", user});
}

std::string Sale::hold(const std::string& id, const std::string& user, const std::string& wanted) {
  return epoch1("hold", {id, user, wanted, "100", "", ""});
}

std::string Sale::confirm(const std::string& id, const std::string& user, const std::string& reference,
                          const std::string& amount) {
  return epoch1("confirm", {id, user, reference, amount, "KRW", "1", "", "", "", "0"});
}

bool Sale::counters_agree() {
  const auto map = seats();
  const auto count = [&](char state) { return std::to_string(std::ranges::count(map, state)); };
  return count('.') == meta("available") && count('h') == meta("held") && count('x') == meta("sold");
}

}  // namespace lua_tests
