-- KEYS: meta line active user
-- WIDTH: 3
-- USES: clock records
-- A user shows an admission that was given before a rebuild and has not run out: when Redis forgot it, it counts again.
-- Item: user, epoch and deadline_ms of the admission (its signature is good).
-- Reply: {'ok'} · {'not_admitted'} {'frozen'}
-- Invariant: an admission that was used up, given back or ran out is never revived; the deadline stays what it was.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if meta[1] ~= ARGV[1] then return 'stale' end
local now = now_ms()

local function readmit(user_id, epoch, deadline)
  if meta[2] == 'frozen' then return {'frozen'} end
  if tonumber(epoch) >= tonumber(meta[1]) or tonumber(deadline) <= now then return {'not_admitted'} end
  if redis.call('ZSCORE', KEYS[3], user_id) then return {'ok'} end
  if parse_user(redis.call('HGET', KEYS[4], user_id)).status ~= '-' then return {'not_admitted'} end
  redis.call('ZREM', KEYS[2], user_id)
  redis.call('ZADD', KEYS[3], deadline, user_id)
  return {'ok'}
end

local replies = {}
for at = 2, #ARGV, 3 do replies[#replies + 1] = readmit(ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
return replies
