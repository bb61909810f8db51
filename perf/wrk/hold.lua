-- Every request holds one more standing place for the next admitted user, 64 a user at most; then the thread stops.
-- Prepare with: prepare.py hold
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local per_user = 64
local event, requests, sent = nil, {}, 0

function init()
  local lines
  event, lines = common.read_prepared()
  local body = '{"section":"GA","quantity":1}'
  for number, fields in ipairs(lines) do
    local headers = {Authorization = "Bearer " .. fields[1], ["Content-Type"] = "application/json"}
    requests[number] = wrk.format("POST", "/v1/events/" .. event .. "/holds", headers, body)
  end
  if #requests == 0 then error("the prepared file has no users; run prepare.py hold") end
end

function request()
  if sent == #requests * per_user then return common.stop(event) end
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end
