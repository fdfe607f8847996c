-- Look up expired entities in the order in which they expired, and read their rows.
--
-- Keys: the index of the ExpireAt column (a sorted set); the rows (hashes).
--
-- Request: head     = the prefix of the rows' keys
--          key      = key of the index
--          fields   = list of the columns to read of a row
--          count    = the greatest number of entities
--          position = the position of an earlier reply; absent: start at the beginning
--
-- Reply:   'ok', the position to continue at ('' at the end), the moment by which they have expired
--          (that of the first call), list of ids, list of the ids that exist, their rows, see
--          lib/rows, list of the ids whose key holds no row
--          'wrong type', key     the key of the index holds another type

-- @include lib/ask
-- @include lib/expiry
-- @include lib/ranks
-- @include lib/rows

local request = cmsgpack.unpack(ARGV[1])

-- The rank to begin at. It is found by the last member, because the entities that were found before
-- may have been deleted since.
local function rank_of(position)
    return position.member and rank_after(request.key, position.score, position.member) or 0
end

local function story()
    local position = request.position and cmsgpack.unpack(request.position) or {moment = now()}
    local count = tonumber(request.count)
    local members = ask('ZRANGEBYSCORE', request.key, '-inf', position.moment, 'WITHSCORES',
        'LIMIT', rank_of(position), count)
    local ids = {}
    for place = 1, #members, 2 do
        ids[#ids + 1] = members[place]
    end
    local found, rows, unreadable = read_rows(request.head, request.fields, ids, math.huge)
    position.member, position.score = members[#members - 1], members[#members]
    local further = #ids == count and cmsgpack.pack(position) or ''
    return {'ok', further, position.moment, ids, found, rows, unreadable}
end

return tell(story)
