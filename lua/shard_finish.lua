-- Forget a transaction over partitions, because each of them has carried it out.
--
-- Keys: HEADunfinished, a hash.
--
-- Request: head, token
--
-- Reply:   1 if it was known, else 0

local asked = cmsgpack.unpack(ARGV[1])
return redis.call('HDEL', asked.head .. 'unfinished', asked.token)
