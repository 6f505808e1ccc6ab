-- Deletes the keys of a project and tells everybody. KEYS: its keys. ARGV: channel, message.
redis.call('DEL', unpack(KEYS))
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
