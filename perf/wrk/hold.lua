-- Every request holds one more standing place, until there are no more. Prepare with: prepare.py hold
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "common.lua").once()
