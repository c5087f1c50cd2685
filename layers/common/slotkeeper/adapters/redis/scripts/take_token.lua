-- KEYS[1] the bucket; ARGV[1] how many requests it holds, ARGV[2] seconds in which so many come back.
-- Kept is one number, the instant (in microseconds) at which the bucket will be full again: each
-- request moves it by what one costs. Answers {1 allowed or 0, requests left, ms}: until it is full
-- where allowed, until the next one is allowed where not.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- Rounded up, so never more than was granted come back.
local cost = math.ceil(ARGV[2] * 1000000 / ARGV[1])
local burst = cost * ARGV[1]
local known = redis.pcall('GET', KEYS[1])
-- What is not a number, or nothing to GET, is none of ours, and is overwritten.
local full_at = tonumber(type(known) == 'string' and string.match(known, '^%d+$') or now)
-- Not past a burst from now: it would be where the clock was set back or the limit lowered.
full_at = math.min(math.max(full_at, now), now + burst)
local next_in = full_at + cost - now - burst
if next_in > 0 then
  return {0, 0, math.ceil(next_in / 1000)}
end
full_at = full_at + cost
local full_in = math.ceil((full_at - now) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', full_in)
return {1, math.floor((burst - (full_at - now)) / cost), full_in}
