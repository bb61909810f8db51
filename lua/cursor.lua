-- KEYS: lease cursors log
-- Everything up to a seq has been announced and acknowledged. ARGV: owner, fence, seq, 1 to trim the log behind it.
-- Reply: 'ok' · 'lost' when another node has the lease. The cursor never goes back.
local lease = redis.call('HMGET', KEYS[1], 'owner', 'fence')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return 'lost' end
local cursor = tonumber(redis.call('HGET', KEYS[2], 'announcer') or 0)
if tonumber(ARGV[3]) <= cursor then return 'ok' end
redis.call('HSET', KEYS[2], 'announcer', ARGV[3])
if ARGV[4] == '1' then
  redis.call('XTRIM', KEYS[3], 'MINID', '~', string.format('%.0f-0', tonumber(ARGV[3]) + 1))
end
return 'ok'
