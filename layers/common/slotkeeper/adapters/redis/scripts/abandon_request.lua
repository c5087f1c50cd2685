-- KEYS[1] the request; ARGV[1] owner. An answer, or another owner's request, stays.
local known = redis.call('HMGET', KEYS[1], 'owner', 'answer')
if known[1] == ARGV[1] and not known[2] then
  return redis.call('DEL', KEYS[1])
end
return 0
