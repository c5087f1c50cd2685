-- KEYS[1] the lock; ARGV[1] attemptId, ARGV[2] ms. Only the holder extends.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
