-- Claim unique values in the directory of a sharded model: all of these values, or none.
--
-- A directory is a hash of unique values. An entry says which partition has the value, the token of
-- the transaction that claimed it, and when: 'partition:token:second'. An entry alone proves
-- nothing: the row in that partition does. But a value without an entry is free.
--
-- Keys: directories (hashes).
--
-- Request: claims = list of {directory, value, 'partition:token:', the entry that is to be
--                   replaced or false}
--
-- Reply:   'ok'
--          'taken', time, {number of a claim, entry or '', ...}   nothing was written

local request = cmsgpack.unpack(ARGV[1])
local seconds, taken = redis.call('TIME')[1], {}
for position, claim in ipairs(request.claims) do
    local own, expected = claim[3], claim[4]
    local entry = redis.call('HGET', claim[1], claim[2])
    if entry ~= expected and not (entry and entry:sub(1, #own) == own) then
        taken[#taken + 1] = tostring(position)
        taken[#taken + 1] = entry or ''
    end
end
if #taken > 0 then
    return {'taken', seconds, taken}
end
for _, claim in ipairs(request.claims) do
    redis.call('HSET', claim[1], claim[2], claim[3] .. seconds)
end
return {'ok'}
