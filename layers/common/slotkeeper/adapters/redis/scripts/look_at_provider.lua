-- KEYS[1] what is known of a provider. Answers the time (ms), openedAt, restsUntil and outcomes.
local time = redis.call('TIME')
local known = redis.pcall('HMGET', KEYS[1], 'openedAt', 'restsUntil', 'outcomes')
if known.err then
  known = {false, false, false}
end
return {time[1] * 1000 + math.floor(time[2] / 1000), known[1], known[2], known[3]}
