-- KEYS[1] the code; ARGV[1] slotId, [2] seed, [3] keyId, [4] sendNumber, [5] ms, [6] 'first' or not.
-- With 'first', an existing code stays. Tries are never given back. Answers 1 if written.
local attempts = redis.call('HGET', KEYS[1], 'attempts')
if attempts and ARGV[6] == 'first' then
  return 0
end
redis.call('HSET', KEYS[1], 'slotId', ARGV[1], 'seed', ARGV[2], 'keyId', ARGV[3],
  'sendNumber', ARGV[4], 'issuedAt', redis.call('TIME')[1], 'attempts', attempts or 0)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
