-- Notes how far a running task has come. KEYS: the project's progress. ARGV: comparison, task, comparisons done, time to live in ms.
local now = redis.call('TIME')[1]
redis.call('HSET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], ARGV[3] .. '@' .. now)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
