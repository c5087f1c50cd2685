-- KEYS[1] the code; ARGV[1] sendNumber, [2] keyId to be, [3] the one that is gone, or ''. Answers
-- {slotId, seed, keyId, sendNumber}; the key is the one that stands from now on.
local code = redis.call('HMGET', KEYS[1], 'slotId', 'seed', 'keyId', 'sendNumber')
if code[4] == ARGV[1] and (not code[3] or code[3] == ARGV[3]) then
  redis.call('HSET', KEYS[1], 'keyId', ARGV[2])
  code[3] = ARGV[2]
end
return code
