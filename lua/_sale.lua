-- The sale's counters and its log, for scripts whose keys begin: meta hold holds user seats log.
-- Nothing of `sale` is written before finish(): a script that returns early has changed nothing.
local sale

local function begin()
  local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'seq', 'available', 'held', 'sold', 'freed')
  if meta[1] ~= ARGV[1] then return false end
  sale = {state = meta[2], seq = tonumber(meta[3]), available = tonumber(meta[4] or 0), held = tonumber(meta[5] or 0),
    sold = tonumber(meta[6] or 0), freed = tonumber(meta[7] or 0), changed = false}
  return true
end

-- The entry's id is the sale's next seq, so a cursor over the log is a seq.
local function log(now, kind, hold, user, seats, detail)
  sale.seq = sale.seq + 1
  sale.changed = true
  redis.call('XADD', KEYS[6], string.format('%.0f-0', sale.seq), 't', kind, 'h', hold, 'u', user, 's', seats, 'a',
    string.format('%.0f', now), 'd', detail or '')
end

local function finish()
  if not sale.changed then return end
  redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', sale.seq), 'available', sale.available, 'held', sale.held,
    'sold', sale.sold, 'freed', sale.freed)
end

-- Takes a hold off its user's record; `seats` is how many no longer count against the user's limit.
local function forget(user_id, id, seats)
  local user = parse_user(redis.call('HGET', KEYS[4], user_id))
  user.seats = math.max(0, user.seats - seats)
  local kept = {}
  for other in string.gmatch(user.holds, '[^,]+') do
    if other ~= id then kept[#kept + 1] = other end
  end
  user.holds = table.concat(kept, ',')
  redis.call('HSET', KEYS[4], user_id, format_user(user))
end

-- A held hold ends without an order: state L (released) or E (expired). Its seats are free again.
local function end_hold(now, id, hold, state)
  local seats = count(hold.seats)
  mark(KEYS[5], hold.seats, '.')
  hold.state = state
  redis.call('HSET', KEYS[2], id, format_hold(hold))
  redis.call('ZREM', KEYS[3], id)
  forget(hold.user, id, seats)
  sale.held = sale.held - seats
  sale.available = sale.available + seats
  sale.freed = sale.freed + 1
  log(now, state == 'E' and 'seats.expired' or 'seats.released', id, hold.user, hold.seats)
end
