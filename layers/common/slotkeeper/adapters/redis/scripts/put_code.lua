-- KEYS[1] the code; ARGV[1] slotId, [2] seed, [3] sendNumber, [4] ms, [5] guesses there were at least,
-- [6] how: 'first': an existing code stays; 'next': a newer one stays; 'undo': only if
-- number [7] is there. Tries are never given back; a seed keeps its key. Answers 1 if written.
local known = redis.call('HMGET', KEYS[1], 'attempts', 'sendNumber', 'seed', 'guesses')
local number = tonumber(known[2] or '0') or 0
if (ARGV[6] == 'first' and known[1])
  or (ARGV[6] == 'next' and number > tonumber(ARGV[3]))
  or (ARGV[6] == 'undo' and number ~= tonumber(ARGV[7])) then
  return 0
end
if known[3] ~= ARGV[2] then
  redis.call('HDEL', KEYS[1], 'keyId')
end
redis.call('HSET', KEYS[1], 'slotId', ARGV[1], 'seed', ARGV[2], 'sendNumber', ARGV[3],
  'issuedAt', redis.call('TIME')[1], 'attempts', string.match(known[1] or '0', '^%d+$') or 0,
  'guesses', math.max(tonumber(known[4] or '0') or 0, tonumber(ARGV[5])))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
