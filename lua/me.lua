-- KEYS: meta hold user
-- WIDTH: 1
-- USES: clock
-- Every live hold and order of a user. Item: user. Reply: {'ok', now_ms, hold, record, hold, record, …} · {'frozen'}.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if meta[1] ~= ARGV[1] then return 'stale' end
local now = string.format('%.0f', now_ms())
local replies = {}
for item = 1, #ARGV - 1 do
  local reply = {'ok', now}
  local user = redis.call('HGET', KEYS[3], ARGV[item + 1])
  for id in string.gmatch(user and string.match(user, '^.;%d+;%d+;(.*)$') or '', '[^,]+') do
    local record = redis.call('HGET', KEYS[2], id)
    if record then
      reply[#reply + 1] = id
      reply[#reply + 1] = record
    end
  end
  replies[item] = meta[2] == 'frozen' and {'frozen'} or reply
end
return replies
