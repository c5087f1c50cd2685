-- KEYS[1] a user's requests; ARGV[1] the request, ARGV[2] ms that answers are kept, ARGV[3] most.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
