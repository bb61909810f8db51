// What the scripts of a sale would answer, told apart by user: the n-th user stands at place n and holds seat n, so an
// answer that reaches the wrong user is seen. Decides nothing and keeps nothing; lua/ is tested against a real Redis.
// Ownership: values. Thread: one.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "lua/scripts.hpp"
#include "tests/simulation/worlds/redis_model.hpp"

namespace simulation {

class SaleModel {
 public:
  explicit SaleModel(const lua::Scripts& scripts);
  std::map<std::string, std::string, std::less<>> sources() const;  // SHA-1 by source
  std::string execute(const Words& words);
  uint64_t users_answered() const { return users_answered_; }

  static std::string user(uint32_t number) { return "user-" + std::to_string(number); }

 private:
  std::string answer_item(std::string_view script, const std::string* item);
  std::map<std::string, const lua::Script*, std::less<>> by_sha1_;
  uint64_t users_answered_ = 0;
};

}  // namespace simulation
