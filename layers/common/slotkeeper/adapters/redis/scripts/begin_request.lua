-- KEYS[1] the request; ARGV[1] fingerprint, ARGV[2] owner, ARGV[3] lease in ms.
-- Answers {'fresh'}, {'reused'}, {'answered', answer} or {'busy', ms left}.
-- An owner that begins again (its first call's answer was lost on the way) begins afresh.
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'answer', 'owner')
if not known[1] or (known[3] == ARGV[2] and not known[2]) then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'fresh'}
end
if known[1] ~= ARGV[1] then
  return {'reused'}
end
if known[2] then
  return {'answered', known[2]}
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then -- ours all lapse: what does not is made to, or it would be busy for ever
  left = tonumber(ARGV[3])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {'busy', left}
