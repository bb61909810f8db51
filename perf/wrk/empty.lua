-- A path that is not there, again and again; all are answered 404, which wrk counts as refused.
-- Prepare with: prepare.py empty
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "common.lua").cycle()
