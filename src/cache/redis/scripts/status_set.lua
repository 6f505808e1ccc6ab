-- Keeps the status document, unless it was made before the last change of what it tells.
-- KEYS: document, generation. ARGV: document, its generation, time to live in ms.
if (redis.call('GET', KEYS[2]) or '0') == ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
end
return 1
