-- KEYS[1] what is known of a provider; ARGV[1] t: a message was taken, f: it failed, r: refused for its
-- address; ARGV[2] who tried it, if it rested; the rules: ARGV[3] failures, ARGV[4] remembered, ARGV[5] ms
-- of the window, ARGV[6] of a rest; ARGV[7] ms to keep it. Answers 1 if it rests now, 0 if not.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.pcall('HMGET', KEYS[1], 'openedAt', 'triedBy', 'outcomes')
if known.err then
  redis.call('DEL', KEYS[1]) -- none of ours: as if it had been lost
  known = {false, false, false}
end
local rested_until = string.format('%.0f', now + ARGV[6])
if known[1] then
  -- Only who tries it tells whether it works again: the others began before it rested.
  if ARGV[2] == '' or known[2] ~= ARGV[2] then
    return 1
  end
  if ARGV[1] == 't' then
    redis.call('DEL', KEYS[1])
    return 0
  end
  redis.call('HDEL', KEYS[1], 'triedBy', 'triedUntil')
  if ARGV[1] == 'f' then
    redis.call('HSET', KEYS[1], 'restsUntil', rested_until)
    redis.call('PEXPIRE', KEYS[1], ARGV[7])
  end
  return 1
end
if ARGV[1] == 'r' then
  return 0
end
local kept = {}
for what, at in string.gmatch(known[3] or '', '([tf])(%d+)') do
  if tonumber(at) > now - ARGV[5] and tonumber(at) <= now then
    kept[#kept + 1] = what .. at
  end
end
kept[#kept + 1] = ARGV[1] .. string.format('%.0f', now)
while #kept > tonumber(ARGV[4]) do
  table.remove(kept, 1)
end
local failed = 0
for _, one in ipairs(kept) do
  failed = failed + (string.sub(one, 1, 1) == 'f' and 1 or 0)
end
local rests = ARGV[1] == 'f' and failed >= tonumber(ARGV[3]) and failed * 2 >= #kept
redis.call('HSET', KEYS[1], 'outcomes', table.concat(kept, ' '))
if rests then
  redis.call('HSET', KEYS[1], 'openedAt', string.format('%.0f', now), 'restsUntil', rested_until)
end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return rests and 1 or 0
