-- Idempotency-Key: the first answer to a key is kept, with the fingerprint of the request it was given to.
-- What to answer when `kept` was found under the key: {'idempotency_mismatch'}, or the first code and the rest of the
-- first answer as one text, ';' between.
local function recall(kept, fingerprint)
  local first_fingerprint, code, rest = string.match(kept, '^([^;]*);([^;]*);?(.*)$')
  if first_fingerprint ~= fingerprint then return {'idempotency_mismatch'} end
  return {code, rest}
end

-- The same, or nil when the key was not used before.
local function first_answer(idem, digest, fingerprint)
  local kept = digest ~= '' and redis.call('HGET', idem, digest)
  return kept and recall(kept, fingerprint) or nil
end

local function keep_answer(idem, digest, fingerprint, outcome)
  if digest ~= '' then redis.call('HSET', idem, digest, fingerprint .. ';' .. outcome) end
end
