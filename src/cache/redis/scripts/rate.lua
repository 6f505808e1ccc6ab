-- Takes one request from a client's token bucket; the server's clock counts, so that all processes agree.
-- KEYS: the bucket. ARGV: requests per second, burst. Returns the wait in microseconds, 0 if the request is allowed.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local rate, full = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = full
if bucket[1] and bucket[2] then
  level = math.min(full, tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * rate)
end
local wait = 0
if level >= 1 then level = level - 1 else wait = math.ceil((1 - level) / rate * 1e6) end
redis.call('HSET', KEYS[1], 'level', string.format('%.17g', level), 'at', string.format('%.6f', now))
-- A full bucket is as good as none.
redis.call('PEXPIRE', KEYS[1], math.ceil(math.min((full - level) / rate, 86400) * 1000) + 1000)
return string.format('%.0f', wait)
