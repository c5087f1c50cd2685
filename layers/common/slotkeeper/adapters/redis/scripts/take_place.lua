-- KEYS[1] the user's places; ARGV[1] slotId:attemptId, ARGV[2] ms to hold it, ARGV[3] how many at
-- most. Answers {1, the others...} taken now, {0, the others...} had it, {-1, ms until one is free}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local answer = {1}
for _, place in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if place == ARGV[1] then
    answer[1] = 0
  else
    answer[#answer + 1] = place
  end
end
if answer[1] == 0 then
  return answer
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  return {-1, redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] - now}
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
-- The key lives at least as long as the longest of the places in it.
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[2]), redis.call('PTTL', KEYS[1])))
return answer
