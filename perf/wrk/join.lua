-- Every request joins a new user. Prepare with: prepare.py join
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local header, path, prefix
local number = 0

function init()
  local event = common.read_prepared()
  header = common.setting("ONSALE_USER_HEADER", "Onsale-User")
  path = "/v1/events/" .. event .. "/queue"
  prefix = string.format("wrk-%d-%d-", os.time(), thread_number)
end

function request()
  number = number + 1
  return wrk.format("POST", path, {[header] = prefix .. number})
end
