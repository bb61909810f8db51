-- KEYS: meta hold holds user seats log line active
-- WIDTH: 1
-- USES: clock records seats sale
-- A user leaves: off the line, off the admitted, and every hold that is only held is released; one that is being paid
-- stays. Item: user. Reply: {'ok'} · {'event_not_open'} {'frozen'}. Leaving twice changes nothing.
if not begin() then return 'stale' end
local replies = {}
local now = now_ms()
for item = 1, #ARGV - 1 do
  local id = ARGV[item + 1]
  if sale.state == 'frozen' or sale.state == 'draft' or sale.state == 'warmed' then
    replies[item] = {sale.state == 'frozen' and 'frozen' or 'event_not_open'}
  else
    local was_here = redis.call('ZREM', KEYS[7], id) + redis.call('ZREM', KEYS[8], id)
    for hold_id in string.gmatch(parse_user(redis.call('HGET', KEYS[4], id)).holds, '[^,]+') do
      local text = redis.call('HGET', KEYS[2], hold_id)
      local hold = text and parse_hold(text)
      if hold and hold.state == 'H' then end_hold(now, hold_id, hold, 'L') end
    end
    if was_here > 0 then
      local user = parse_user(redis.call('HGET', KEYS[4], id))
      user.status = 'l'
      redis.call('HSET', KEYS[4], id, format_user(user))
    end
    replies[item] = {'ok'}
  end
end
finish()
return replies
