-- Every request confirms the next prepared hold, each once; then the thread stops. Prepare with: prepare.py confirm
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local event, lines, at = nil, nil, 0

function init()
  event, lines = common.read_prepared()
  if #lines == 0 then error("the prepared file has no holds; run prepare.py confirm") end
end

function request()
  at = at + 1
  local fields = lines[at]
  if not fields then return common.stop(event) end
  local token, hold, amount, currency = fields[1], fields[2], fields[3], fields[4]
  local body = string.format('{"payment":{"reference":"wrk-%s","amount":%s,"currency":"%s"}}', hold, amount, currency)
  local headers = {Authorization = "Bearer " .. token, ["Content-Type"] = "application/json"}
  return wrk.format("POST", "/v1/events/" .. event .. "/holds/" .. hold .. "/confirm", headers, body)
end
