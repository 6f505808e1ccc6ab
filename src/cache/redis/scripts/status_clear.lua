-- Drops the status document, and any that is being made. KEYS: document, generation. ARGV: time to live of the generation in ms.
redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return 1
