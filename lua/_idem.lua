-- Idempotency-Key: the first answer to a key is kept, with the fingerprint of the request it was given to.
-- Returns what to answer when the key was used before: {'idempotency_mismatch'}, or the first code and the rest of the
-- first answer as one text, ';' between.
local function first_answer(idem, digest, fingerprint)
  local kept = digest ~= '' and redis.call('HGET', idem, digest)
  if not kept then return nil end
  local first_fingerprint, code, rest = string.match(kept, '^([^;]*);([^;]*);?(.*)$')
  if first_fingerprint ~= fingerprint then return {'idempotency_mismatch'} end
  return {code, rest}
end

local function keep_answer(idem, digest, fingerprint, outcome)
  if digest ~= '' then redis.call('HSET', idem, digest, fingerprint .. ';' .. outcome) end
end
