// A sale in a real Redis, driven script by script: what a node would send, without a node.
// Replies come as nested text: "[ok,[H1,..]]" so that a test compares with one string.
#pragma once
#include <hiredis/hiredis.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "lua/scripts.hpp"
#include "tests/integration/fixtures/redis_server.hpp"

namespace lua_tests {

using Arguments = std::vector<std::string>;

class Sale {
 public:
  struct Terms {
    std::string rate_per_s = "1000", active_max = "100", active_ttl_ms = "60000", orders_per_admission = "1";
    std::string hold_ttl_ms = "60000", extensions = "1", seats_per_user = "4", log_max = "100000", lag_max = "1000";
  };
  // An open event of `seats` seats at epoch 1.
  explicit Sale(int seats, const Terms& terms);
  Sale() : Sale{12, Terms{}} {}

  std::string call(std::string_view script, Arguments arguments);    // with ARGV as given
  std::string epoch1(std::string_view script, Arguments arguments);  // "1" in front
  std::string command(Arguments arguments);                          // "{e}:" is put in front of the first argument
  std::string seats() { return command({"GET", "seats"}); }
  std::string meta(const std::string& field) { return command({"HGET", "meta", field}); }
  void admit(Arguments users);  // puts them among the active, for a minute
  std::string hold(const std::string& id, const std::string& user, const std::string& wanted);
  std::string confirm(const std::string& id, const std::string& user, const std::string& reference,
                      const std::string& amount);
  // available + held + sold is what the map says, and the map has nothing else.
  bool counters_agree();

 private:
  std::string run(const Arguments& arguments);
  static fixtures::RedisServer& server();
  static void write(const redisReply& reply, std::string& out);

  lua::Scripts scripts_;
  std::unique_ptr<redisContext, decltype(&redisFree)> link_{nullptr, &redisFree};
};

}  // namespace lua_tests
