-- KEYS[1] the code; ARGV[1] slotId, [2] seed, [3] keyId, [4] sendNumber, [5] ms, [6] how:
-- 'first': an existing code stays; 'next': a newer one stays; 'undo': only if number [7] is there.
-- Tries are never given back. Answers 1 if written.
local known = redis.call('HMGET', KEYS[1], 'attempts', 'sendNumber')
local number = tonumber(known[2] or '0') or 0
if (ARGV[6] == 'first' and known[1])
  or (ARGV[6] == 'next' and number > tonumber(ARGV[4]))
  or (ARGV[6] == 'undo' and number ~= tonumber(ARGV[7])) then
  return 0
end
redis.call('HSET', KEYS[1], 'slotId', ARGV[1], 'seed', ARGV[2], 'keyId', ARGV[3],
  'sendNumber', ARGV[4], 'issuedAt', redis.call('TIME')[1], 'attempts', string.match(known[1] or '0', '^%d+$') or 0)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
