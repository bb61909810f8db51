-- KEYS: meta
-- What an operator may change while an event lives: rates, limits, instants. ARGV: epoch, then field and value pairs.
-- Reply: 'ok' · 'stale'. Seats and prices are no terms: they never change once an event was warmed.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 'stale' end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 'ok'
