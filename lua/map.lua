-- KEYS: meta seats
-- WIDTH: 1
-- The seat map, when it has changed. Item: the version the caller has (0 none).
-- Reply: {'ok', version, seats} · {'same'}. The version is the sale's seq.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if meta[1] ~= ARGV[1] then return 'stale' end
local replies = {}
for item = 1, #ARGV - 1 do
  replies[item] = ARGV[item + 1] == meta[2] and {'same'} or {'ok', meta[2], redis.call('GET', KEYS[2]) or ''}
end
return replies
