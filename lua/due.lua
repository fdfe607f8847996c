-- Look up what has expired: some entities, the first to expire first, and their rows.
--
-- Keys: the index of the column that says when (a sorted set); the rows (hashes).
--
-- Request: head     = what the rows' keys begin with
--          key      = of the index
--          fields   = list of the columns to read of a row
--          count    = so many at most
--          position = where to go on: what an earlier reply said; absent: at the beginning
--
-- Reply:   'ok', where to go on ('' when that is all), the moment by which they have expired (that
--          of the first call), list of ids, list of the ids that exist, their rows, see lib/rows,
--          list of the ids whose key holds no row
--          'wrong type', key     the index is none

-- @include lib/ask
-- @include lib/expiry
-- @include lib/ranks
-- @include lib/rows

local request = cmsgpack.unpack(ARGV[1])

-- The rank to begin at. What was found before may be gone or still be there, so it is not counted.
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
