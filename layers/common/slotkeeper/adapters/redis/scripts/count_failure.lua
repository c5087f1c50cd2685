-- KEYS[1] the user's failures; ARGV[1] window in ms, begun by the first failure.
local known = redis.pcall('GET', KEYS[1])
if known and not (type(known) == 'string' and string.match(known, '^%d+$')) then
  redis.call('DEL', KEYS[1]) -- none of ours: as if it had been lost
end
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return count
