-- KEYS: meta active holds log hold
-- USES: clock records
-- Lets an event go on after its state was built. ARGV: epoch, master_replid of the Redis it was built on.
-- Reply: 'ok' · 'stale'. Nobody loses time: every deadline is prolonged by the time frozen. Idempotent.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'seq', 'return_state', 'frozen_at_ms', 'line_lost',
  'reform_ms')
if meta[1] ~= ARGV[1] then return 'stale' end
if meta[2] ~= 'frozen' then return 'ok' end
local now = now_ms()
local frozen = now - tonumber(meta[5] or now)

local function prolong(key)
  local members = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for at = 1, #members, 2 do
    redis.call('ZADD', key, string.format('%.0f', tonumber(members[at + 1]) + frozen), members[at])
  end
end
prolong(KEYS[2])
prolong(KEYS[3])
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local text = redis.call('HGET', KEYS[5], id)
  local hold = text and parse_hold(text)
  if hold then
    hold.deadline = tonumber(hold.deadline) + frozen
    redis.call('HSET', KEYS[5], id, format_hold(hold))
  end
end
local seq = string.format('%.0f', tonumber(meta[3]) + 1)
redis.call('XADD', KEYS[4], seq .. '-0', 't', 'event.reconciled', 'h', '', 'u', '', 's', '', 'a',
  string.format('%.0f', now), 'd', meta[1])
local now_text = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'state', meta[4], 'seq', seq, 'replid', ARGV[2], 'rebuilt_at_ms', now_text, 'bucket_at_ms',
  now_text, 'tokens', 0)
-- People with tickets come back with their polls; letting in whoever is first meanwhile would pass the others over.
if meta[6] then
  redis.call('HSET', KEYS[1], 'reform_until_ms', string.format('%.0f', now + tonumber(meta[7] or 10000)))
  redis.call('HDEL', KEYS[1], 'line_lost')
end
return 'ok'
