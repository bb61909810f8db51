-- KEYS: meta active log
-- USES: clock
-- Moves an event from one state to another, after PostgreSQL has. ARGV: epoch, from, to.
-- Reply: 'ok' (also when it is there already) · 'bad_transition' · 'stale'
-- A pause costs no admitted user time: on the way back every admission is prolonged by it.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'seq', 'paused_at_ms')
if meta[1] ~= ARGV[1] then return 'stale' end
local from, to = ARGV[2], ARGV[3]
if meta[2] == to then return 'ok' end
if meta[2] ~= from then return 'bad_transition' end
local now = now_ms()
local seq = tonumber(meta[3])

local function log(kind, detail)
  seq = seq + 1
  redis.call('XADD', KEYS[3], string.format('%.0f-0', seq), 't', kind, 'h', '', 'u', '', 's', '', 'a',
    string.format('%.0f', now), 'd', detail)
end

if to == 'paused' then redis.call('HSET', KEYS[1], 'paused_at_ms', string.format('%.0f', now)) end
if from == 'paused' then
  local pause = now - tonumber(meta[4] or now)
  local active = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
  for at = 1, #active, 2 do
    redis.call('ZADD', KEYS[2], string.format('%.0f', tonumber(active[at + 1]) + pause), active[at])
  end
end
if to == 'open' then redis.call('HSET', KEYS[1], 'bucket_at_ms', string.format('%.0f', now), 'tokens', 0) end
log('event.state_changed', to)
if to == 'open' and from ~= 'paused' then log('line.opened', '') end
redis.call('HSET', KEYS[1], 'state', to, 'seq', string.format('%.0f', seq))
return 'ok'
