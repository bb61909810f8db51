-- KEYS: meta seats
-- WIDTH: 1
-- The seat map, when it has changed. Item: the version the caller has (0 none).
-- Reply: {'ok', version, seats} · {'same'} · {'frozen'}: while it is rebuilt, the map is not whole.
-- Invariant: maps of one version are the same. The version is the sale's seq and the changes that have none: a hold
-- that becomes an order is announced, and gets a seq, only once it is recorded.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'unannounced', 'state')
if meta[1] ~= ARGV[1] then return 'stale' end
local version = string.format('%.0f', tonumber(meta[2]) + tonumber(meta[3] or 0))
local replies = {}
for item = 1, #ARGV - 1 do
  if meta[4] == 'frozen' then
    replies[item] = {'frozen'}
  elseif ARGV[item + 1] == version then
    replies[item] = {'same'}
  else
    replies[item] = {'ok', version, redis.call('GET', KEYS[2]) or ''}
  end
end
return replies
