// A blocking Redis connection for reading, over hiredis. As with Postgres, the first failure sticks and is asked once.
// Ownership: owns the connection. Thread: one.
#pragma once
#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace crowd {

class Redis {
 public:
  // redis://[USER:PASSWORD@]HOST:PORT, redis://:PASSWORD@HOST:PORT, or unix:///PATH
  explicit Redis(const std::string& url);
  std::string text(std::vector<std::string> command);  // a bulk, a status or an integer as text; "" for nil
  int64_t integer(std::vector<std::string> command);   // 0 for nil
  const std::string& problem() const { return problem_; }

 private:
  void connect(const std::string& url);
  std::unique_ptr<redisContext, decltype(&redisFree)> context_{nullptr, redisFree};
  std::string problem_;
};

}  // namespace crowd
