-- KEYS: meta hold holds user seats log
-- WIDTH: 2
-- USES: clock records seats sale
-- Gives the seats of a hold back. Item: hold, user.
-- Reply: {'ok'} (also when it had ended before)
--        {'payment_in_progress'} {'already_paid'} {'hold_not_found'} {'frozen'}
if not begin() then return 'stale' end
local now = now_ms()

local function release(id, user_id)
  if sale.state == 'frozen' then return {'frozen'} end
  local text = redis.call('HGET', KEYS[2], id)
  local hold = text and parse_hold(text)
  if not hold or hold.user ~= user_id then return {'hold_not_found'} end
  if hold.state == 'P' then return {'payment_in_progress'} end
  if hold.state == 'C' or hold.state == 'R' then return {'already_paid'} end
  if hold.state == 'H' then end_hold(now, id, hold, 'L') end
  return {'ok'}
end

local replies = {}
for at = 2, #ARGV, 2 do replies[#replies + 1] = release(ARGV[at], ARGV[at + 1]) end
finish()
return replies
