-- KEYS[1] the user's places; ARGV[1] slotId:attemptId, ARGV[2] the hold's end (ms since the epoch),
-- ARGV[3] most ms, ARGV[4] 'shared' for a place of another request, which may have extended it.
-- A place that was given back stays so.
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not until_ms or (ARGV[4] == 'shared' and tonumber(until_ms) == tonumber(ARGV[2])) then
  return 0
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
