-- KEYS: meta
-- USES: clock
-- Stops an event while its state is being built. ARGV: new epoch, state to go to when there is none in Redis.
-- Reply: {'ok', state to return to, 1 when there was state} · 'stale' when Redis knows a later epoch.
-- From here on scripts of an older epoch are refused, and new arrival numbers start far above every earlier one.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'return_state', 'frozen_at_ms', 'next')
local epoch = tonumber(ARGV[1])
if meta[1] and tonumber(meta[1]) > epoch then return 'stale' end
local back = ARGV[2]
local frozen_at = string.format('%.0f', now_ms())
if meta[2] == 'frozen' then
  back, frozen_at = meta[3] or back, meta[4] or frozen_at
elseif meta[2] then
  back = meta[2]
end
local base = epoch * 4294967296
local next_number = string.format('%.0f', math.max(tonumber(meta[5] or 0), base))
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'state', 'frozen', 'return_state', back, 'frozen_at_ms', frozen_at,
  'next', next_number)
-- Redis has lost the line: thaw.lua gives it time to form again.
if not meta[1] and epoch > 1 then redis.call('HSET', KEYS[1], 'line_lost', '1') end
if not meta[1] or tonumber(meta[1]) < epoch then redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', base)) end
return {'ok', back, meta[1] and 1 or 0}
