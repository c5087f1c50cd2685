-- KEYS[1] the pages; ARGV[1] which, ARGV[2] now (ms since the epoch), ARGV[3] a fresh generation,
-- ARGV[4] ms that pages live, ARGV[5] ms that a claim lives, ARGV[6] how many fields at most.
-- Answers {'kept', page}, {'busy', generation} while another reader makes it, or
-- {'yours', generation}: make it, and keep it if the generation is still this one.
local known = redis.call('HMGET', KEYS[1], ARGV[1], 'g', 'c' .. ARGV[1])
local page, generation, claim = known[1], known[2], known[3]
local until_ms = page and tonumber(string.match(page, '^%d+') or '0')
if page and until_ms > tonumber(ARGV[2]) then
  return {'kept', page}
end
if not generation then
  generation = ARGV[3]
  redis.call('HSET', KEYS[1], 'g', generation)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if claim and (tonumber(claim) or 0) > now then
  return {'busy', generation}
end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then -- as in keep_page.lua
  for _, other in ipairs(redis.call('HRANDFIELD', KEYS[1], 2)) do
    if other ~= 'g' then
      redis.call('HDEL', KEYS[1], other)
      break
    end
  end
end
redis.call('HSET', KEYS[1], 'c' .. ARGV[1], now + ARGV[5])
return {'yours', generation}
