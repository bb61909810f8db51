-- Shared by the scripts of this folder: the requests that perf/bench/prepare.py wrote, and the end of the report.
-- wrk runs one Lua state a thread and one of its own; setup and done run in wrk's own.
local common = {}
local threads = tonumber(os.getenv("ONSALE_WRK_THREADS") or "1")

-- A line as wrk sends it: method, target, authorization, idempotency key, "Name: value|Name: value", body; "-": none.
local function render(line)
  local method, target, authorization, key, more, body = string.match(line,
    "^([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)$")
  if not method then error("not a line of prepare.py: " .. line) end
  local headers = {}
  if authorization ~= "-" then headers["Authorization"] = authorization end
  if key ~= "-" then headers["Idempotency-Key"] = key end
  for name, value in string.gmatch(more, "([^:|]+): ([^|]*)") do headers[name] = value end
  if body ~= "-" then headers["Content-Type"] = "application/json" end
  return wrk.format(method, target, headers, body ~= "-" and body or nil)
end

-- The requests of this thread: every thread takes each n-th line.
local function read_requests()
  local path = os.getenv("ONSALE_WRK_FILE")
  if not path or path == "" then error("ONSALE_WRK_FILE is not set; see perf/README.md") end
  local file = assert(io.open(path, "r"))
  local requests, at = {}, 0
  for line in file:lines() do
    if at % threads == thread_number then requests[#requests + 1] = render(line) end
    at = at + 1
  end
  file:close()
  if #requests == 0 then error(path .. " has no request for this thread; run perf/bench/prepare.py") end
  return requests
end

-- Walks the requests again and again.
function common.cycle()
  local requests, at = nil, 0
  function init() requests = read_requests() end
  function request()
    at = at % #requests + 1
    return requests[at]
  end
end

-- Sends each request once, then ends the thread: nothing measured is a repetition. The one request that wrk still wants
-- then is a cheap one.
function common.once()
  local requests, at = nil, 0
  function init() requests = read_requests() end
  function request()
    at = at + 1
    if requests[at] then return requests[at] end
    wrk.thread:stop()
    return wrk.format("GET", "/nothing-here")
  end
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
