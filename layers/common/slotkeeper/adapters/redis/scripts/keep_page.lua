-- KEYS[1] the pages; ARGV[1] which, ARGV[2] its generation, ARGV[3] the page, ARGV[4] how many fields
-- at most. A page read before the last change of what it shows is not kept. Lifetimes are set where
-- a generation begins, so no field outlives it.
if redis.call('HGET', KEYS[1], 'g') ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], 'c' .. ARGV[1])
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  -- One of the others goes, whichever: many that nobody asks for again keep no other out, and one
  -- that many ask for is back at once.
  for _, other in ipairs(redis.call('HRANDFIELD', KEYS[1], 2)) do
    if other ~= 'g' then
      redis.call('HDEL', KEYS[1], other)
      break
    end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
