-- Remove the index entries and keys of rows that are gone. A row that was written again keeps its
-- own.
--
-- Keys: the rows (hashes); indexes (sets, sorted sets, hashes of unique values); the keys that
-- belong to single entities (any type).
--
-- Request: head    = the prefix of the rows' keys
--          entries = list of {index, member, id}
--          keys    = list of {key, id}: the whole key is removed
--
-- Reply:   the number of entries and keys that were removed.

local request = cmsgpack.unpack(ARGV[1])

local REMOVE = {
    set = function(key, member)
        return redis.call('SREM', key, member)
    end,
    zset = function(key, member)
        return redis.call('ZREM', key, member)
    end,
    hash = function(key, member, id)
        return redis.call('HGET', key, member) == id and redis.call('HDEL', key, member) or 0
    end,
}

local function is_gone(id)
    return redis.call('EXISTS', request.head .. id) == 0
end

local removed = 0
for _, entry in ipairs(request.entries) do
    local key, member, id = entry[1], entry[2], entry[3]
    local remove = REMOVE[redis.call('TYPE', key).ok]
    if remove and is_gone(id) then
        removed = removed + remove(key, member, id)
    end
end
for _, own in ipairs(request.keys) do
    if is_gone(own[2]) then
        removed = removed + redis.call('UNLINK', own[1])
    end
end
return removed
