-- Look through indexes: some entries of each, and what the rows hold that they belong to.
--
-- Keys: indexes (sets, sorted sets, hashes of unique values); the rows (hashes).
--
-- Request: head   = what the rows' keys begin with
--          fields = list of the columns wanted
--          keys   = list of {key, where to go on ('0': at the beginning), is the id at the end of
--                   the member, behind a NUL}
--          count  = about so many entries of each
--
-- Reply:   for each key: its type, where to go on ('0': all was seen), list of members, list of
--          their scores (unique values: none), list of their ids, list of whether there is a row
--          (1, or 0 if not), flat list of the rows' values, as many an id as there are fields.
--          Of a set, the members are the ids and have no scores; a unique value is a member.

local request = cmsgpack.unpack(ARGV[1])
local SCAN = {set = 'SSCAN', zset = 'ZSCAN', hash = 'HSCAN'}

local function row_of(id, values)
    local key = request.head .. id
    local row = redis.pcall('HMGET', key, unpack(request.fields))
    for position = 1, #request.fields do
        values[#values + 1] = not row.err and row[position]
    end
    return redis.call('EXISTS', key)
end

local function look(key, from, is_at_end)
    local kind = redis.call('TYPE', key).ok
    local members, scores, ids, there, values = {}, {}, {}, {}, {}
    if not SCAN[kind] then
        return {kind, '0', members, scores, ids, there, values}
    end
    local found = redis.call(SCAN[kind], key, from, 'COUNT', request.count)
    local list, step = found[2], kind == 'set' and 1 or 2
    for position = 1, #list, step do
        local member, second = list[position], list[position + 1]
        local id = kind == 'hash' and second or member
        if is_at_end then
            id = member:match('%z([^%z]*)$') or member
        end
        local place = #members + 1
        members[place], ids[place] = member, id
        if kind == 'zset' then
            scores[place] = second
        end
        there[place] = row_of(id, values)
    end
    return {kind, found[1], members, scores, ids, there, values}
end

local replies = {}
for index, asked in ipairs(request.keys) do
    replies[index] = look(asked[1], asked[2], asked[3])
end
return replies
