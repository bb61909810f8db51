-- Every request is a new user, until there are no more. Prepare with: prepare.py join
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "common.lua").once()
