// The logs of the events in Redis, as the announcer of persist/ reads them: {e}:log is a stream whose ids are the
// sale's seq, {e}:lease says which node announces, {e}:cursors how far that got. Ownership: owns its connection;
// borrows scripts and catalog. Thread: the announcer's; calls block.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/cold_redis.hpp"
#include "core/event.hpp"
#include "core/snapshot.hpp"
#include "lua/scripts.hpp"
#include "persist/log_source.hpp"

namespace app {

class RedisLogSource final : public persist::LogSource {
 public:
  RedisLogSource(ColdRedis::Settings redis, const lua::Scripts& scripts, const core::Snapshot<core::Catalog>& catalog);

  std::vector<std::string> events() override;  // those that may have a log
  core::Result<Lease> lease(std::string_view event) override;
  core::Result<std::vector<persist::LogEntry>> read(std::string_view event, int64_t after_seq,
                                                    std::size_t most) override;
  core::Result<bool> advance(std::string_view event, int64_t seq) override;
  core::Result<int64_t> newest(std::string_view event) override;

 private:
  core::Result<Reply> command(std::initializer_list<std::string_view> words);
  core::Result<Reply> script(std::string_view name, std::string_view event,
                             std::initializer_list<std::string_view> arguments);

  ColdRedis redis_;
  const lua::Scripts& scripts_;
  const core::Snapshot<core::Catalog>& catalog_;
  const std::string owner_;                                 // of leases: this process, never an earlier one
  std::map<std::string, std::string, std::less<>> fences_;  // event -> fence of the lease we got
};

}  // namespace app
