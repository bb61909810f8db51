-- Every request asks for the place of the next prepared user, all of whom wait. Prepare with: prepare.py poll
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local requests = {}
local at = 0

function init()
  local event, lines = common.read_prepared()
  for number, fields in ipairs(lines) do
    requests[number] = wrk.format("GET", "/v1/events/" .. event .. "/queue", {Authorization = "Bearer " .. fields[1]})
  end
  if #requests == 0 then error("the prepared file has no users; run prepare.py poll") end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
