-- Prepended to every script, and to `return redis.call(unpack(ARGV))` for plain commands: Redis by
-- a clock that stands still. FROZEN:now is the time (ms); FROZEN:ends has when each key with a
-- lifetime ends. `advance` deletes what has ended; Redis itself lets no key lapse.
local server = redis
local redis = setmetatable({}, {__index = server})
local function now()
  return tonumber(server.call('GET', 'FROZEN:now'))
end
local function lives(key, ms)
  if server.call('EXISTS', key) == 0 then
    return 0
  end
  if tonumber(ms) <= 0 then
    server.call('DEL', key)
  else
    server.call('ZADD', 'FROZEN:ends', now() + ms, key)
  end
  return 1
end
local function carried_out(...)
  if select(1, ...) ~= 'SET' then
    return server.call(...)
  end
  -- SET: the lifetime is ours, the rest is Redis's.
  local said, ms, only_new = {}, nil, false
  local args = {...}
  local at = 1
  while at <= #args do
    if at > 3 and args[at] == 'PX' then
      ms = args[at + 1]
      at = at + 1
    else
      only_new = only_new or (at > 3 and args[at] == 'NX')
      said[#said + 1] = args[at]
    end
    at = at + 1
  end
  local key = args[2]
  if only_new and server.call('EXISTS', key) == 1 then
    return server.call(unpack(said))
  end
  local answer = server.call(unpack(said))
  server.call('ZREM', 'FROZEN:ends', key)
  if ms then
    lives(key, ms)
  end
  return answer
end
function redis.call(command, key, ...)
  if command == 'TIME' then
    return {string.format('%d', math.floor(now() / 1000)), string.format('%d', now() % 1000 * 1000)}
  elseif command == 'PEXPIRE' then
    return lives(key, ...)
  elseif command == 'PTTL' or command == 'TTL' then
    if server.call('EXISTS', key) == 0 then
      return -2
    end
    local ends = server.call('ZSCORE', 'FROZEN:ends', key)
    if not ends then
      return -1
    end
    return command == 'PTTL' and ends - now() or math.floor((ends - now() + 500) / 1000)
  end
  local answer = carried_out(command, key, ...)
  for _, gone in ipairs(command == 'DEL' and {key, ...} or {key}) do
    if server.call('EXISTS', gone) == 0 then
      server.call('ZREM', 'FROZEN:ends', gone)
    end
  end
  return answer
end
