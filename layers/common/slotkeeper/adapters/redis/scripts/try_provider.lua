-- KEYS[1] what is known of a provider; ARGV[1] who would try it, ARGV[2] ms that takes at most,
-- ARGV[3] ms of a rest. Answers 1: this one may try it; 0: not now; 2: it does not rest.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.pcall('HMGET', KEYS[1], 'openedAt', 'restsUntil', 'triedUntil')
if known.err or not known[1] then
  return 2
end
-- An end further away than it ever is: the clock was set back, or it is none of ours.
local function is_ahead(instant, most)
  return instant and instant > now and instant <= now + most
end
if is_ahead(tonumber(known[2]), tonumber(ARGV[3])) or is_ahead(tonumber(known[3]), tonumber(ARGV[2])) then
  return 0
end
redis.call('HSET', KEYS[1], 'triedBy', ARGV[1], 'triedUntil', string.format('%.0f', now + ARGV[2]))
return 1
