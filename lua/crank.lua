-- KEYS: meta hold holds user seats log line active unrecorded
-- WIDTH: 1
-- USES: clock records seats sale
-- Turns the sale on by what time has earned: ends holds and admissions that ran out, lets in who is next.
-- Any node may turn it, as often as it likes: a token bucket in Redis, filled by Redis' time, holds the rate.
-- Item: the most to do of each kind in one call, so that Redis is never blocked for long.
-- Reply: {'ok', state, admitted, expired holds, expired admissions}
-- Invariants: never more than active_max users active; nobody is let in while no seat is available, or while more
-- than lag_max orders wait to be recorded, or while a lost line forms again; who is admitted leaves the line in the
-- same step.
if not begin() then return 'stale' end
local now = now_ms()
local most = tonumber(ARGV[2])

local function expire_holds()
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now), 'LIMIT', 0, most)
  for _, id in ipairs(due) do
    local text = redis.call('HGET', KEYS[2], id)
    local hold = text and parse_hold(text)
    if hold and hold.state == 'H' then end_hold(now, id, hold, 'E') else redis.call('ZREM', KEYS[3], id) end
  end
  return #due
end

local function expire_admissions()
  local due = redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', string.format('%.0f', now), 'LIMIT', 0, most)
  for _, id in ipairs(due) do
    redis.call('ZREM', KEYS[8], id)
    local user = parse_user(redis.call('HGET', KEYS[4], id))
    user.status = 'e'
    redis.call('HSET', KEYS[4], id, format_user(user))
  end
  return #due
end

-- Tokens now in the bucket. A quarter of a second's worth at most: a stalled crank must not let a crowd in at once.
local function earned(rate, tokens, at)
  return math.min(math.max(1, rate / 4), tokens + math.max(0, now - at) * rate / 1000)
end

local function admit()
  local terms = redis.call('HMGET', KEYS[1], 'rate_per_s', 'active_max', 'active_ttl_ms', 'tokens', 'bucket_at_ms',
    'lag_max', 'head', 'reform_until_ms')
  local tokens = earned(tonumber(terms[1]), tonumber(terms[4] or 0), tonumber(terms[5] or now))
  local room = tonumber(terms[2]) - redis.call('ZCARD', KEYS[8])
  if sale.available == 0 or redis.call('ZCARD', KEYS[9]) > tonumber(terms[6]) then room = 0 end
  if now < tonumber(terms[8] or 0) then room = 0 end
  local wanted = math.min(math.floor(tokens), room, most)
  local next_users = wanted > 0 and redis.call('ZPOPMIN', KEYS[7], wanted) or {}
  local admitted = #next_users / 2
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - admitted), 'bucket_at_ms',
    string.format('%.0f', now))
  if admitted == 0 then return 0 end
  local deadline, entries = string.format('%.0f', now + tonumber(terms[3])), {}
  for at = 1, #next_users, 2 do
    entries[#entries + 1] = deadline
    entries[#entries + 1] = next_users[at]
  end
  redis.call('ZADD', KEYS[8], unpack(entries))
  local head = math.max(tonumber(terms[7] or 0), tonumber(next_users[#next_users]))
  redis.call('HSET', KEYS[1], 'head', string.format('%.0f', head))
  log(now, 'line.admitted', '', '', '', admitted)
  return admitted
end

local function note_sold_out()
  local sold_out = sale.available == 0 and sale.held == 0 and '1' or '0'
  if (redis.call('HGET', KEYS[1], 'sold_out') or '0') == sold_out then return end
  redis.call('HSET', KEYS[1], 'sold_out', sold_out)
  if sold_out == '1' then log(now, 'line.sold_out', '', '', '') end
end

local admitted, holds, admissions = 0, 0, 0
local state = sale.state
if state == 'open' or state == 'paused' or state == 'closed' then holds = expire_holds() end
if state == 'open' or state == 'closed' then admissions = expire_admissions() end
if state == 'open' then
  admitted = admit()
  note_sold_out()
end
finish()
return {{'ok', state, admitted, holds, admissions}}
