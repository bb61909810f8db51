-- Shared by the scripts of this folder: settings, the file that prepare.py wrote, and the end of the report.
-- wrk runs one Lua state a thread and one of its own; setup and done run in wrk's own.
local common = {}
local threads = tonumber(os.getenv("ONSALE_WRK_THREADS") or "1")

function common.setting(name, default)
  local value = os.getenv(name) or default
  if not value or value == "" then error(name .. " is not set; see perf/README.md") end
  return value
end

-- The event, and the prepared lines of this thread split at tabs: every thread takes each n-th line.
function common.read_prepared()
  local file = assert(io.open(common.setting("ONSALE_WRK_FILE"), "r"))
  local event = file:read("*l")
  local lines, at = {}, 0
  for line in file:lines() do
    if at % threads == thread_number then
      local fields = {}
      for field in string.gmatch(line, "[^\t]+") do fields[#fields + 1] = field end
      lines[#lines + 1] = fields
    end
    at = at + 1
  end
  file:close()
  return event, lines
end

-- Nothing is left that would not be a repetition: end this thread. The request that has to be returned is a cheap one.
function common.stop(event)
  wrk.thread:stop()
  return wrk.format("GET", "/v1/events/" .. event)
end

-- wrk calls setup once a thread, before any of them runs.
local started = {}
function setup(thread)
  if #started >= threads then error("ONSALE_WRK_THREADS is " .. threads .. "; wrk was started with more threads") end
  thread:set("thread_number", #started)
  started[#started + 1] = thread
end

-- Counting by status costs wrk a table of headers an answer, so it is done on demand.
if os.getenv("ONSALE_WRK_STATUSES") then
  counts = {}
  function response(status) counts[tostring(status)] = (counts[tostring(status)] or 0) + 1 end
end

function done(summary, latency)
  local function ms(percent) return latency:percentile(percent) / 1000 end
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("p50 %.2f ms  p95 %.2f ms  p99 %.2f ms  max %.2f ms  refused %d  socket errors %d\n", ms(50),
    ms(95), ms(99), latency.max / 1000, errors.status, broken))
  local totals = {}
  for _, thread in ipairs(started) do
    for status, count in pairs(thread:get("counts") or {}) do totals[status] = (totals[status] or 0) + count end
  end
  for status, count in pairs(totals) do io.write("  ", status, ": ", count, "\n") end
end

return common
