-- KEYS: meta hold
-- WIDTH: 2
-- USES: clock
-- Reads a hold or the order it became. Item: hold, user ('' any).
-- Reply: {'ok', record, now_ms} · {'hold_not_found'} {'frozen'}.
-- Somebody else's hold is not found.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if meta[1] ~= ARGV[1] then return 'stale' end
local now = string.format('%.0f', now_ms())
local replies = {}
for at = 2, #ARGV, 2 do
  local record = redis.call('HGET', KEYS[2], ARGV[at])
  local owner = record and string.match(record, '^.;([^;]*);')
  if meta[2] == 'frozen' then
    replies[#replies + 1] = {'frozen'}
  elseif not record or (ARGV[at + 1] ~= '' and owner ~= ARGV[at + 1]) then
    replies[#replies + 1] = {'hold_not_found'}
  else
    replies[#replies + 1] = {'ok', record, now}
  end
end
return replies
