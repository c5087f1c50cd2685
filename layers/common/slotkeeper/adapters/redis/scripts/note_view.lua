-- KEYS[1] what a user viewed last; ARGV[1] ms to keep it, then names and values; an empty value is no
-- longer so. All at once: a key that was written and never given its end would stay for ever.
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
