-- KEYS[1] the lock; ARGV[1] attemptId, ARGV[2] the hold's end (ms since the epoch), ARGV[3] most ms.
-- Only the holder extends, and never beyond the hold: one that ends early does no harm.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
local left = ARGV[2] - (time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('PEXPIRE', KEYS[1], math.min(left, tonumber(ARGV[3])))
