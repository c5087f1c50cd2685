-- KEYS[1] the request; ARGV[1] fingerprint, ARGV[2] owner, ARGV[3] answer, ARGV[4] ms to keep it.
-- Written unless another owner has taken the request over meanwhile.
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'answer', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
