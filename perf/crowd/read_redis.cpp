// The sale's present as Redis has it.
#include "perf/crowd/evidence.hpp"
#include "perf/crowd/redis.hpp"

namespace crowd {

core::Checked<RedisEvidence> read_redis(const std::string& url, const std::string& event) {
  Redis redis{url};
  const std::string prefix = "{" + event + "}:";
  RedisEvidence evidence;
  evidence.seats = redis.text({"GET", prefix + "seats"});
  evidence.unrecorded = redis.integer({"ZCARD", prefix + "unrecorded"});
  evidence.available = redis.integer({"HGET", prefix + "meta", "available"});
  evidence.held = redis.integer({"HGET", prefix + "meta", "held"});
  evidence.sold = redis.integer({"HGET", prefix + "meta", "sold"});
  if (!redis.problem().empty()) return core::Checked<RedisEvidence>::failed("Redis: " + redis.problem());
  return evidence;
}

}  // namespace crowd
