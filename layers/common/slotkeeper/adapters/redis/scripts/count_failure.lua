-- KEYS[1] the user's failures; ARGV[1] window in ms, begun by the first failure.
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return count
