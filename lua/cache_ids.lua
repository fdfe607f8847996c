-- Store ids in a sorted set, in their order, until it expires. Repetition changes nothing.
--
-- Keys: KEYS[1], the sorted set.
--
-- Request: ids     = list of ids
--          first   = the score of the first id; the score of each next one is higher by 1
--          timeout = the time until the set expires, in seconds
--
-- Reply:   the number of ids in the set.

-- @include lib/chunks

local request = cmsgpack.unpack(ARGV[1])

local first = tonumber(request.first)
local pairs_of = {}
for position, id in ipairs(request.ids) do
    pairs_of[#pairs_of + 1] = string.format('%.0f', first + position - 1)
    pairs_of[#pairs_of + 1] = id
end
in_chunks('ZADD', KEYS[1], pairs_of)
redis.call('EXPIRE', KEYS[1], request.timeout)
return redis.call('ZCARD', KEYS[1])
