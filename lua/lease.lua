-- KEYS: lease
-- USES: clock
-- The right to announce, for one node at a time. ARGV: owner, ttl in ms. Reply: {granted 0|1, fence}.
-- The fence grows with each change of owner; cursor.lua refuses an older one.
local lease = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'deadline_ms')
local now = now_ms()
local fence = tonumber(lease[2] or 0)
if lease[1] and lease[1] ~= ARGV[1] and tonumber(lease[3]) > now then return {0, fence} end
if lease[1] ~= ARGV[1] then fence = fence + 1 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fence', fence, 'deadline_ms',
  string.format('%.0f', now + tonumber(ARGV[2])))
return {1, fence}
