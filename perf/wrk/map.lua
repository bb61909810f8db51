-- Admitted users read the whole seat map, again and again. Prepare with: prepare.py map
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "common.lua").cycle()
