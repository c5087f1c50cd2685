-- KEYS[1] the request; ARGV[1] owner, ARGV[2] answer, ARGV[3] ms to keep it.
-- Only the owner completes: a request that was given up is not brought back.
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
