-- List the transactions of a partition that are prepared or not finished.
--
-- Keys: HEADprepared and HEADunfinished, hashes.
--
-- Request: head
--
-- Reply:   time, {token, intent, ...}, {token,
--          numbers of the other partitions, ...}

-- @include lib/prepared

local asked = cmsgpack.unpack(ARGV[1])
local prepared = {}
for _, token in ipairs(redis.call('HKEYS', asked.head .. 'prepared')) do
    prepared[#prepared + 1] = token
    prepared[#prepared + 1] = intent_of(asked.head, token)
end
return {redis.call('TIME')[1], prepared, redis.call('HGETALL', asked.head .. 'unfinished')}
