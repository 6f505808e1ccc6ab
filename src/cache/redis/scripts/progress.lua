-- The comparisons to show: those of completed tasks and those of running ones, never more than the total and never less than
-- was shown before. KEYS: the project's progress. ARGV: comparison, comparisons of completed tasks, total, seconds for which a
-- report counts, time to live in ms.
local fields = redis.call('HGETALL', KEYS[1])
local now, fresh = tonumber(redis.call('TIME')[1]), tonumber(ARGV[4])
local prefix, floor_name = ARGV[1] .. ':', ARGV[1] .. ':shown'
local running, floor = 0, 0
for i = 1, #fields, 2 do
  if fields[i] == floor_name then
    floor = tonumber(fields[i + 1])
  elseif string.sub(fields[i], 1, #prefix) == prefix then
    local done, at = string.match(fields[i + 1], '^(%d+)@(%d+)$')
    if done and now - tonumber(at) <= fresh then
      running = running + tonumber(done)
    else
      redis.call('HDEL', KEYS[1], fields[i])
    end
  end
end
local shown = math.max(floor, math.min(tonumber(ARGV[3]), tonumber(ARGV[2]) + running))
if #fields > 0 then
  redis.call('HSET', KEYS[1], floor_name, string.format('%.0f', shown))
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return string.format('%.0f', shown)
