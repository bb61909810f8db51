-- Where a user stands: checks the ticket's signature, asks Redis for rank and length of the line, answers JSON.
-- A ticket is "<user>.<base64 of HMAC-SHA1 of the user>": SHA-1 because it is what the Lua module has built in.
local redis = require "nginx.redis"
local var = ngx.var

local ticket = var.http_authorization or ""
local user, signature = ticket:match("^Bearer ([%w_-]+)%.(%S+)$")
if not user or ngx.encode_base64(ngx.hmac_sha1(var.secret, user)) ~= signature then return ngx.exit(401) end

local client = redis:new()
client:set_timeout(1000)
local connected, problem = client:connect("127.0.0.1", tonumber(var.redis_port))
if not connected then
  ngx.log(ngx.ERR, "Redis: ", problem)
  return ngx.exit(503)
end
local line = "{" .. var.event .. "}:peer"
client:init_pipeline(2)
client:zrank(line, user)
client:zcard(line)
local answers = client:commit_pipeline()
client:set_keepalive(60000, 512)
if not answers or type(answers[1]) ~= "number" then return ngx.exit(answers and 404 or 503) end

local position, total = answers[1] + 1, answers[2]
ngx.header["Cache-Control"] = "no-store"
local body = string.format('{"state":"waiting","position":%d,"total":%d,"estimated_wait_s":%d,"next_poll_s":%d}',
  position, total, position, position > 1000 and 5 or 1)
ngx.header["Content-Length"] = #body
ngx.print(body)
