-- Read entries of indexes, one index after the other, until there are enough for one call.
--
-- Keys: indexes (sets, sorted sets, hashes of unique values).
--
-- Request: keys  = list of indexes
--          from  = the cursor of SCAN in the first of them ('0': start at the beginning)
--          count = the approximate number of entries in all; each key counts for one more
--
-- Reply:   how many of the keys were begun; the cursor in the last of those ('0': it was read to
--          its end); packed, for each of them: its type, and a list as SCAN returns it (members; or
--          members and scores in turn; or unique values and ids in turn).

local request = cmsgpack.unpack(ARGV[1])
local SCAN = {set = 'SSCAN', zset = 'ZSCAN', hash = 'HSCAN'}

local found = {}
local from, left = request.from, tonumber(request.count)
for place, key in ipairs(request.keys) do
    local kind = redis.call('TYPE', key).ok
    local cursor, list = '0', {}
    if SCAN[kind] then
        local reply = redis.call(SCAN[kind], key, from, 'COUNT', math.max(left, 1))
        cursor, list = reply[1], reply[2]
    end
    found[place] = {kind, list}
    from, left = '0', left - 1 - (kind == 'set' and #list or #list / 2)
    if cursor ~= '0' or left <= 0 then
        return {place, cursor, cmsgpack.pack(found)}
    end
end
return {#request.keys, '0', cmsgpack.pack(found)}
