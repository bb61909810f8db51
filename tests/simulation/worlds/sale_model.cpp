#include "tests/simulation/worlds/sale_model.hpp"

#include <fmt/format.h>

namespace simulation {
namespace {

constexpr std::size_t script_at = 1, key_count_at = 2, keys_at = 3;

uint64_t number_of(std::string_view user) { return std::stoull(std::string{user.substr(user.find('-') + 1)}); }

}  // namespace

SaleModel::SaleModel(const lua::Scripts& scripts) {
  for (const auto& script : scripts.all())
    if (script.width > 0) by_sha1_.emplace(script.sha1, &script);
}

std::map<std::string, std::string, std::less<>> SaleModel::sources() const {
  std::map<std::string, std::string, std::less<>> all;
  for (const auto& [sha1, script] : by_sha1_) all.emplace(script->source, sha1);
  return all;
}

// EVALSHA sha keys key... epoch item item ...
std::string SaleModel::execute(const Words& words) {
  const auto found = by_sha1_.find(words[script_at]);
  if (found == by_sha1_.end()) fail("a script nobody knows is called");
  const auto& script = *found->second;
  const auto first = keys_at + std::stoull(words[key_count_at]) + 1;
  std::string replies;
  std::size_t items = 0;
  for (auto at = first; at < words.size(); at += script.width, ++items) replies += answer_item(script.name, &words[at]);
  users_answered_ += items;
  return fmt::format("*{}\r\n{}", items, replies);
}

std::string SaleModel::answer_item(std::string_view script, const std::string* item) {
  if (script == "place") {  // verb, user, number and epoch of the ticket
    const auto number = number_of(item[1]);
    return fmt::format("*5\r\n{}:{}\r\n:{}\r\n:100000\r\n:1\r\n", bulk("waiting"), number, number);
  }
  if (script == "hold")  // hold, user, seats, amount, ...
    return fmt::format("*6\r\n{}{}{}{}{}{}", bulk("ok"), bulk(item[0]), bulk("2000000000000"), bulk("1"), bulk(item[2]),
                       bulk(std::to_string(1000 + number_of(item[1]))));
  if (script == "leave") return fmt::format("*1\r\n{}", bulk("ok"));
  fail(fmt::format("the model of a sale does not know {}.lua", script));
}

}  // namespace simulation
