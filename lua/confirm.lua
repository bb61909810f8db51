-- KEYS: meta hold holds user seats log active payments unrecorded idem
-- WIDTH: 10
-- USES: clock records seats sale
-- A payment was made for a hold: it becomes an order that waits to be recorded, or a refusal that does.
-- Item: hold, user, payment reference, amount, currency, 1 when that is the event's currency, fence ('' none),
--       idempotency digest ('' none), fingerprint, the hold's own instant in ms (from its id).
-- Reply: {'ok', record, replayed} · {refusal, refund_required, replayed}, refusal one of hold_expired stale_fence
--        already_paid amount_mismatch order_rejected · {'hold_not_found'} {'idempotency_mismatch'} {'frozen'}
-- Invariants: every payment that is reported is kept with its decision (payments) until PostgreSQL has it
-- (unrecorded); the decision on a reference never changes; a hold becomes an order at most once; a hold that ended is
-- taken again only when all of its seats are free and the user's limit allows; repeating the call repeats the answer
-- and changes nothing.
if not begin() then return 'stale' end
local terms = redis.call('HMGET', KEYS[1], 'orders_per_admission', 'rebuilt_at_ms', 'seats_per_user')
local now = now_ms()

local function keep(decision, item, member)
  redis.call('HSET', KEYS[8], item.reference,
    table.concat({decision, item.id, item.user, item.amount, item.currency}, ';'))
  redis.call('ZADD', KEYS[9], 'NX', string.format('%.0f', now), member)
end

local function refuse(decision, item)
  keep(decision, item, 'p:' .. item.reference)
  return {decision, 1}
end

-- The user's record after an order: it counts against the limit, and may use the admission up.
local function count_order(item, hold, taken_again)
  local user = parse_user(redis.call('HGET', KEYS[4], item.user))
  if taken_again then
    user.seats = user.seats + count(hold.seats)
    user.holds = user.holds == '' and item.id or user.holds .. ',' .. item.id
  end
  user.orders = user.orders + 1
  if user.orders >= tonumber(terms[1]) and redis.call('ZREM', KEYS[7], item.user) == 1 then user.status = 'd' end
  redis.call('HSET', KEYS[4], item.user, format_user(user))
end

local function become_order(item, hold, taken_again)
  local quantity = count(hold.seats)
  if taken_again then sale.available = sale.available - quantity else sale.held = sale.held - quantity end
  sale.sold = sale.sold + quantity
  sale.changed = true
  mark(KEYS[5], hold.seats, 'x')
  redis.call('HINCRBY', KEYS[1], 'unannounced', 1)  -- the map has changed (map.lua)
  hold.state, hold.paid_at, hold.reference = 'C', string.format('%.0f', now), item.reference
  redis.call('HSET', KEYS[2], item.id, format_hold(hold))
  redis.call('ZREM', KEYS[3], item.id)
  keep('order', item, item.id)
  count_order(item, hold, taken_again)
  if taken_again then log(now, 'seats.held', item.id, item.user, hold.seats, 'taken again for a late payment') end
  return {'ok', format_hold(hold)}
end

-- The hold has become an order before, whatever became of that.
local function decided(item, text, hold)
  local same = hold.reference == item.reference
  if hold.state == 'C' or hold.state == 'R' then
    return same and {'ok', text} or refuse('already_paid', item)
  end
  return same and {'order_rejected', hold.reason == 'already_paid' and 0 or 1} or refuse('order_rejected', item)
end

local function decide_on_hold(item, text)
  local hold = parse_hold(text)
  if hold.user ~= item.user then return {'hold_not_found'} end
  if string.find('CRJX', hold.state, 1, true) then return decided(item, text, hold) end
  local fence = item.fence == '' and 0 or tonumber(item.fence)
  if fence ~= tonumber(hold.fence) then return refuse('stale_fence', item) end
  if item.currency_matches ~= '1' or item.amount ~= hold.amount then return refuse('amount_mismatch', item) end
  if hold.state == 'H' or hold.state == 'P' then return become_order(item, hold, false) end
  -- Without the limit here, holding, releasing and paying late would buy any number of seats.
  local user = parse_user(redis.call('HGET', KEYS[4], item.user))
  if user.seats + count(hold.seats) > tonumber(terms[3]) then return refuse('hold_expired', item) end
  if taken(KEYS[5], hold.seats) ~= '' then return refuse('hold_expired', item) end
  return become_order(item, hold, true)
end

local function decide(item)
  local text = redis.call('HGET', KEYS[2], item.id)
  local kept = redis.call('HGET', KEYS[8], item.reference)
  if kept then
    local decision, hold_id, user = string.match(kept, '^([^;]*);([^;]*);([^;]*);')
    -- The same money reported for another hold: it is spent, or on its way back, already.
    if hold_id ~= item.id or user ~= item.user then return text and {'already_paid', 0} or {'hold_not_found'} end
    if decision ~= 'order' then return {decision, 1} end
  end
  if text then return decide_on_hold(item, text) end
  -- A hold from before a rebuild that Redis lost: the money was real, the seats are gone.
  local rebuilt_ms = tonumber(ARGV[1]) > 1 and tonumber(terms[2] or 0) or 0
  if tonumber(item.made_ms) < rebuilt_ms then return refuse('hold_expired', item) end
  return {'hold_not_found'}
end

local function answer(first)
  local item = {id = ARGV[first], user = ARGV[first + 1], reference = ARGV[first + 2], amount = ARGV[first + 3],
    currency = ARGV[first + 4], currency_matches = ARGV[first + 5], fence = ARGV[first + 6], made_ms = ARGV[first + 9]}
  local digest, fingerprint = ARGV[first + 7], ARGV[first + 8]
  if sale.state == 'frozen' then return {'frozen'} end
  local kept = digest ~= '' and redis.call('HGET', KEYS[10], digest)
  if kept and string.match(kept, '^[^;]*') ~= fingerprint then return {'idempotency_mismatch'} end
  local reply = decide(item)
  if reply[1] == 'hold_not_found' then return reply end
  if digest ~= '' and not kept then redis.call('HSET', KEYS[10], digest, fingerprint .. ';confirm') end
  reply[3] = kept and 1 or 0
  return reply
end

local replies = {}
for item = 1, (#ARGV - 1) / 10 do replies[item] = answer(2 + (item - 1) * 10) end
finish()
return replies
