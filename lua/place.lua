-- KEYS: meta line active user
-- WIDTH: 4
-- USES: clock records
-- Where users stand in line; asks for a place when the item says `join`.
-- Item: join|poll, user, number and epoch of the user's ticket (0 0: none).
-- Reply: {'waiting'|'paused', number, position, total, created} · {'lobby'|'sold_out', number, created}
--        (position 0: not known while a lost line forms again)
--        {'admitted', deadline_ms} · {'done'} {'expired'} {'closed'} · {'event_not_open'} {'event_closed'} {'frozen'}
-- Invariants: a user has at most one place; numbers only grow, so nobody enters in front of somebody; a second join
-- gives the same place; after a loss of Redis a ticket of an earlier epoch brings its old number back, unless the line
-- had already moved past it.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'next', 'head', 'available', 'held', 'seats_per_user',
  'reform_until_ms')
if meta[1] ~= ARGV[1] then return 'stale' end
local epoch, state = tonumber(meta[1]), meta[2]
local width, items = 4, (#ARGV - 1) / 4

local function same_for_all(join_code, poll_code)
  local replies = {}
  for item = 1, items do replies[item] = {ARGV[2 + (item - 1) * width] == 'join' and join_code or poll_code} end
  return replies
end
if state == 'draft' or state == 'warmed' then return same_for_all('event_not_open', 'event_not_open') end
if state == 'frozen' then return same_for_all('frozen', 'frozen') end
if state == 'closed' then return same_for_all('event_closed', 'closed') end

local users = {}
for item = 1, items do users[item] = ARGV[3 + (item - 1) * width] end
local numbers = redis.call('ZMSCORE', KEYS[2], unpack(users))
-- Who has a place is not admitted, so most batches of polls need not look there.
local deadlines = {}
for item = 1, items do
  if not numbers[item] then
    deadlines = redis.call('ZMSCORE', KEYS[3], unpack(users))
    break
  end
end
local next_number, head = tonumber(meta[3]), tonumber(meta[4] or 0)
local first_new, added, seen, created = next_number, {}, {}, {}
local outcome = {}
local now = now_ms()

-- A number for a user who has none: that of a ticket from before a loss, else the next one; nil when refused.
local function number_for(item, user, joins)
  local ticket, ticket_epoch = tonumber(ARGV[4 + (item - 1) * width]), tonumber(ARGV[5 + (item - 1) * width])
  local text = redis.call('HGET', KEYS[4], user)
  if not text and ticket > head and ticket_epoch < epoch and ticket < first_new then return ticket end
  local record = parse_user(text)
  if not joins then
    outcome[item] = (record.status == 'd' or record.status == 'l') and 'done' or 'expired'
    return nil
  end
  if record.status == 'd' and record.seats >= tonumber(meta[7]) then
    outcome[item] = 'done'
    return nil
  end
  if record.status ~= '-' then
    record.status, record.orders = '-', 0
    redis.call('HSET', KEYS[4], user, format_user(record))
  end
  next_number = next_number + 1
  return next_number - 1
end

for item = 1, items do
  local user = users[item]
  local known = numbers[item] or seen[user]
  local admitted = deadlines[item] and tonumber(deadlines[item]) or 0
  if known then
    numbers[item] = tonumber(known)
  elseif admitted > now or (admitted > 0 and state == 'paused') then
    outcome[item] = 'admitted'
  else
    local number = number_for(item, user, ARGV[2 + (item - 1) * width] == 'join')
    if number then
      numbers[item], seen[user] = number, number
      if number >= first_new then created[item] = 1 end  -- a place that comes back is not a new one
      added[#added + 1] = string.format('%.0f', number)
      added[#added + 1] = user
      if admitted > 0 then redis.call('ZREM', KEYS[3], user) end
    end
  end
end
if #added > 0 then
  redis.call('ZADD', KEYS[2], 'NX', unpack(added))
  if next_number > first_new then redis.call('HSET', KEYS[1], 'next', string.format('%.0f', next_number)) end
end

local total = redis.call('ZCARD', KEYS[2])
local reforming = now < tonumber(meta[8] or 0)
local sold_out = tonumber(meta[5] or 0) == 0 and tonumber(meta[6] or 0) == 0
local replies = {}
for item = 1, items do
  local number = numbers[item]  -- below 2^53: exact as a number, and cheaper than as a text
  if outcome[item] == 'admitted' then
    replies[item] = {'admitted', deadlines[item]}
  elseif outcome[item] then
    replies[item] = {outcome[item]}
  elseif state == 'lobby' then
    replies[item] = {'lobby', number, created[item] or 0}
  elseif sold_out then
    replies[item] = {'sold_out', number, created[item] or 0}
  else
    -- A new number is larger than all others, so its rank needs no look-up.
    local position = 0
    if created[item] and not reforming then
      position = total - (next_number - 1 - numbers[item])
    elseif not reforming then
      position = redis.call('ZRANK', KEYS[2], users[item]) + 1
    end
    replies[item] = {state == 'paused' and 'paused' or 'waiting', number, position, total, created[item] or 0}
  end
end
return replies
