-- Users who wait ask where they stand, again and again. Prepare with: prepare.py poll
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "common.lua").cycle()
