-- KEYS: meta hold holds user seats log idem
-- WIDTH: 4
-- USES: clock records seats sale idem
-- Gives a hold one more time to live, counted from now. Item: hold, user, idempotency digest ('' none), fingerprint.
-- Reply: {'ok', record, now_ms, replayed}
--        {'extension_limit'} {'hold_expired'} {'hold_not_found'} {'payment_in_progress'} {'idempotency_mismatch'}
--        {'frozen'}
-- A repetition after a lost answer uses an extension again, unless it carries the same Idempotency-Key.
if not begin() then return 'stale' end
local ttl = tonumber(redis.call('HGET', KEYS[1], 'hold_ttl_ms') or 0)
local now = now_ms()
local now_text = string.format('%.0f', now)

local function extend(id, user_id, digest, fingerprint)
  if sale.state == 'frozen' then return {'frozen'} end
  local first = first_answer(KEYS[7], digest, fingerprint)
  if first then return first[2] and {first[1], first[2], now_text, 1} or first end
  local text = redis.call('HGET', KEYS[2], id)
  local hold = text and parse_hold(text)
  if not hold or hold.user ~= user_id then return {'hold_not_found'} end
  if hold.state == 'P' then return {'payment_in_progress'} end
  if hold.state ~= 'H' or tonumber(hold.deadline) <= now then return {'hold_expired'} end
  if tonumber(hold.extensions) == 0 then return {'extension_limit'} end
  hold.extensions = tonumber(hold.extensions) - 1
  hold.deadline = math.max(tonumber(hold.deadline), now + ttl)
  local record = format_hold(hold)
  redis.call('HSET', KEYS[2], id, record)
  redis.call('ZADD', KEYS[3], string.format('%.0f', hold.deadline), id)
  log(now, 'hold.extended', id, user_id, hold.seats, string.format('%.0f', hold.deadline))
  keep_answer(KEYS[7], digest, fingerprint, 'ok;' .. record)
  return {'ok', record, now_text, 0}
end

local replies = {}
for at = 2, #ARGV, 4 do replies[#replies + 1] = extend(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]) end
finish()
return replies
