-- The seat map: one character a seat in one string. Seats of a hold are ascending indexes, "12,13"; neighbours go in
-- one command.
local function runs(seats)
  local found = {}
  for text in string.gmatch(seats, '%d+') do
    local seat = tonumber(text)
    local last = found[#found]
    if last and seat == last[2] + 1 then last[2] = seat else found[#found + 1] = {seat, seat} end
  end
  return found
end

local function count(seats)
  local _, commas = string.gsub(seats, ',', '')
  return seats == '' and 0 or commas + 1
end

local function mark(key, seats, character)
  for _, run in ipairs(runs(seats)) do
    redis.call('SETRANGE', key, run[1], string.rep(character, run[2] - run[1] + 1))
  end
end

-- The seats of the list that are not available, as such a list; '' when all are. `claimed`: seats that this call has
-- given away and not marked yet.
local function taken(key, seats, claimed)
  local found = {}
  for _, run in ipairs(runs(seats)) do
    local characters = redis.call('GETRANGE', key, run[1], run[2])
    for at = run[1], run[2] do
      local offset = at - run[1] + 1
      local free = string.sub(characters, offset, offset) == '.' and not (claimed and claimed[at])
      if not free then found[#found + 1] = at end
    end
  end
  return table.concat(found, ',')
end
