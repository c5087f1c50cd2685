-- KEYS[1] the code. Counts a try, then answers
-- {attempts, ms left, slotId, seed, keyId, sendNumber}, or {} where there is no code.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local tries = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
local code = redis.call('HMGET', KEYS[1], 'slotId', 'seed', 'keyId', 'sendNumber')
return {tries, redis.call('PTTL', KEYS[1]), code[1], code[2], code[3], code[4]}
