-- KEYS: meta hold holds user seats log unrecorded
-- WIDTH: 4
-- USES: clock records seats sale
-- PostgreSQL has decided on an order or has written a refused payment down.
-- Item: order id or "p:" and the reference, confirmed|rejected|refused, seats that belong to others there ("12,13"),
-- reason. Reply: {'ok'}. Works while frozen: what is recorded stays recorded. Idempotent.
-- Invariants: seats of a rejected order become free, except those that PostgreSQL knows to be somebody else's.
if not begin() then return 'stale' end
local now = now_ms()

local function without(seats, others)
  local kept = {}
  for seat in string.gmatch(seats, '%d+') do
    if not string.find(',' .. others .. ',', ',' .. seat .. ',', 1, true) then kept[#kept + 1] = seat end
  end
  return table.concat(kept, ',')
end

local function reject(id, hold, others, reason)
  local free = without(hold.seats, others)
  hold.state, hold.reason = 'J', reason
  mark(KEYS[5], free, '.')
  sale.sold = sale.sold - count(free)
  sale.available = sale.available + count(free)
  sale.freed = sale.freed + 1
  local user = parse_user(redis.call('HGET', KEYS[4], hold.user))
  user.seats = math.max(0, user.seats - count(hold.seats))
  redis.call('HSET', KEYS[4], hold.user, format_user(user))
  log(now, 'seats.released', id, hold.user, free, 'order rejected: ' .. reason)
end

for at = 2, #ARGV, 4 do
  local id, outcome = ARGV[at], ARGV[at + 1]
  local text = outcome ~= 'refused' and redis.call('HGET', KEYS[2], id)
  local hold = text and parse_hold(text)
  if hold and hold.state == 'C' then
    if outcome == 'confirmed' then
      hold.state = 'R'
      log(now, 'seats.confirmed', id, hold.user, hold.seats)
    else
      reject(id, hold, ARGV[at + 2], ARGV[at + 3])
    end
    redis.call('HSET', KEYS[2], id, format_hold(hold))
  end
  redis.call('ZREM', KEYS[7], id)
end
finish()
local replies = {}
for item = 1, (#ARGV - 1) / 4 do replies[item] = {'ok'} end
return replies
