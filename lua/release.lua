-- KEYS: meta hold holds user seats log idem
-- WIDTH: 4
-- USES: clock records seats sale idem
-- Gives the seats of a hold back. Item: hold, user, idempotency digest ('' none), fingerprint.
-- Reply: {'ok', replayed} (also when it had ended before)
--        {'payment_in_progress'} {'already_paid'} {'hold_not_found'} {'idempotency_mismatch'} {'frozen'}
if not begin() then return 'stale' end
local now = now_ms()

local function release(id, user_id, digest, fingerprint)
  if sale.state == 'frozen' then return {'frozen'} end
  local first = first_answer(KEYS[7], digest, fingerprint)
  if first then return first[2] and {first[1], 1} or first end
  local text = redis.call('HGET', KEYS[2], id)
  local hold = text and parse_hold(text)
  if not hold or hold.user ~= user_id then return {'hold_not_found'} end
  if hold.state == 'P' then return {'payment_in_progress'} end
  if hold.state == 'C' or hold.state == 'R' then return {'already_paid'} end
  if hold.state == 'H' then end_hold(now, id, hold, 'L') end
  keep_answer(KEYS[7], digest, fingerprint, 'ok')
  return {'ok', 0}
end

local replies = {}
for at = 2, #ARGV, 4 do replies[#replies + 1] = release(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]) end
finish()
return replies
