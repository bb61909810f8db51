-- KEYS: meta hold holds user seats log active idem
-- WIDTH: 6
-- USES: clock records seats sale idem
-- Takes seats for users, all or nothing each.
-- Item: hold id, user, wanted seats ("12,13", or "g:<section index>:<base>:<places>:<quantity>" for places of a
-- standing section), amount of a seat (standing) or of all (named), idempotency digest ('' none), request fingerprint.
-- Reply: {'ok'|'own', hold, deadline_ms, extensions_left, seats, amount} · {'replayed', the first outcome, ';' between}
--        {'seat_taken', seats} {'sold_out'} {'hold_limit'} {'not_admitted'} {'admission_expired'}
--        {'idempotency_mismatch'} {'event_not_open'} {'event_closed'} {'frozen'} {'overloaded'}
-- Invariants: a seat that is not '.' is never taken; available + held + sold is constant; what a user holds and owns
-- together never passes seats_per_user; the same hold id twice is the same hold (a lost answer may be asked again).
if not begin() then return 'stale' end
local terms = redis.call('HMGET', KEYS[1], 'hold_ttl_ms', 'extensions', 'seats_per_user', 'log_max')
local log_full = redis.call('XLEN', KEYS[6]) >= tonumber(terms[4])
local now = now_ms()

-- Free places of a standing section from where the last search ended; a freed seat anywhere starts it anew.
local function find_places(wanted)
  local section, base, places, quantity = string.match(wanted, '^g:(%d+):(%d+):(%d+):(%d+)$')
  base, places, quantity = tonumber(base), tonumber(places), tonumber(quantity)
  local freed, at = string.match(redis.call('HGET', KEYS[1], 'hint:' .. section) or '', '^(%d+):(%d+)$')
  at = tonumber(freed) == sale.freed and tonumber(at) or 0
  local found = {}
  while at < places and #found < quantity do
    local chunk = redis.call('GETRANGE', KEYS[5], base + at, base + math.min(at + 4096, places) - 1)
    if chunk == '' then break end  -- the map ends before its section does: never a reason to search for ever
    local offset = string.find(chunk, '.', 1, true)
    while offset and #found < quantity do
      found[#found + 1] = base + at + offset - 1
      offset = string.find(chunk, '.', offset + 1, true)
    end
    at = #found == quantity and found[#found] - base + 1 or at + #chunk
  end
  if #found < quantity then return nil end
  redis.call('HSET', KEYS[1], 'hint:' .. section, sale.freed .. ':' .. at)
  return table.concat(found, ',')
end

-- The user's live hold of exactly these seats.
local function own_hold(user, seats)
  for id in string.gmatch(user.holds, '[^,]+') do
    local text = redis.call('HGET', KEYS[2], id)
    local hold = text and parse_hold(text)
    if hold and hold.state == 'H' and hold.seats == seats and tonumber(hold.deadline) > now then
      return {'own', id, hold.deadline, hold.extensions, hold.seats, hold.amount}
    end
  end
end

local function refusal_by_state()
  if sale.state == 'closed' then return {'event_closed'} end
  return sale.state ~= 'open' and {'event_not_open'} or log_full and {'overloaded'} or nil
end

local function refusal_by_admission(user_id, user)
  local deadline = redis.call('ZSCORE', KEYS[7], user_id)
  if not deadline then return {user.status == 'e' and 'admission_expired' or 'not_admitted'} end
  return tonumber(deadline) <= now and {'admission_expired'} or nil
end

local function take(id, user_id, user, seats, amount)
  local quantity = count(seats)
  local hold = {state = 'H', user = user_id, deadline = now + tonumber(terms[1]), extensions = terms[2],
    amount = string.format('%.0f', amount), fence = 0, seats = seats, paid_at = '', reason = '', reference = ''}
  mark(KEYS[5], seats, 'h')
  redis.call('HSET', KEYS[2], id, format_hold(hold))
  redis.call('ZADD', KEYS[3], string.format('%.0f', hold.deadline), id)
  user.seats = user.seats + quantity
  user.holds = user.holds == '' and id or user.holds .. ',' .. id
  redis.call('HSET', KEYS[4], user_id, format_user(user))
  sale.available = sale.available - quantity
  sale.held = sale.held + quantity
  log(now, 'seats.held', id, user_id, seats)
  return {'ok', id, string.format('%.0f', hold.deadline), hold.extensions, seats, hold.amount}
end

local function decide(id, user_id, wanted, amount)
  local text = redis.call('HGET', KEYS[2], id)
  local user = parse_user(redis.call('HGET', KEYS[4], user_id))
  if text then
    local hold = parse_hold(text)
    return {'ok', id, hold.deadline, hold.extensions, hold.seats, hold.amount}
  end
  local general = string.sub(wanted, 1, 1) == 'g'
  local own = not general and own_hold(user, wanted)
  if own then return own end
  local refusal = refusal_by_state() or refusal_by_admission(user_id, user)
  if refusal then return refusal end
  local quantity = general and tonumber(string.match(wanted, '(%d+)$')) or count(wanted)
  if user.seats + quantity > tonumber(terms[3]) then return {'hold_limit'} end
  if general then
    local places = find_places(wanted)
    return places and take(id, user_id, user, places, amount * quantity) or {'sold_out'}
  end
  local not_free = taken(KEYS[5], wanted)
  if not_free ~= '' then return {'seat_taken', not_free} end
  return take(id, user_id, user, wanted, amount)
end

-- Answers that may be different a moment later are not kept under the key.
local transient = {event_not_open = true, overloaded = true}

local function answer(first)
  local id, user_id, wanted, amount = ARGV[first], ARGV[first + 1], ARGV[first + 2], tonumber(ARGV[first + 3])
  local digest, fingerprint = ARGV[first + 4], ARGV[first + 5]
  if sale.state == 'frozen' then return {'frozen'} end
  local first = first_answer(KEYS[8], digest, fingerprint)
  if first then return first[2] and {'replayed', first[1] .. ';' .. first[2]} or first end
  local reply = decide(id, user_id, wanted, amount)
  if not transient[reply[1]] then keep_answer(KEYS[8], digest, fingerprint, table.concat(reply, ';')) end
  return reply
end

local replies = {}
for item = 1, (#ARGV - 1) / 6 do replies[item] = answer(2 + (item - 1) * 6) end
finish()
return replies
