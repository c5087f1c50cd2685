-- KEYS[1] the request; ARGV[1] owner. The owner is one invocation: it alone gives up, even an answer
-- that it could not learn was kept.
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
