-- KEYS[1] the user's places; ARGV[1] slotId:attemptId, ARGV[2] the hold's end (ms since the epoch),
-- ARGV[3] most ms. A place that was given back, or extended by another request, stays so.
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not known or tonumber(known) == tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
