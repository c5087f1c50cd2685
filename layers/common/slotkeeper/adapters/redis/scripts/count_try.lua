-- KEYS[1] the code; ARGV[1] how many guesses at most, ARGV[2...] the marks of this one. Counts a try
-- and, if none of its marks is known, a guess; then answers {attempts, 1 if it may be compared,
-- ms left, slotId, seed, keyId, sendNumber}, or {} where there is no code.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local tries = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
local code = redis.call('HMGET', KEYS[1], 'slotId', 'seed', 'keyId', 'sendNumber', 'guesses', 'guessed')
local guesses, guessed = tonumber(code[5] or '0') or tonumber(ARGV[1]), code[6] or ''
local may_compare = 0
for i = 2, #ARGV do
  if string.find(guessed, ARGV[i], 1, true) then
    may_compare = 1
  end
end
if may_compare == 0 and #ARGV > 1 and guesses < tonumber(ARGV[1]) then
  may_compare = 1
  redis.call('HSET', KEYS[1], 'guesses', guesses + 1, 'guessed', guessed .. ' ' .. table.concat(ARGV, ' ', 2))
end
return {tries, may_compare, redis.call('PTTL', KEYS[1]), code[1], code[2], code[3], code[4]}
