-- Read rows and their index entries, all at one moment, and write nothing.
--
-- Keys: the rows (hashes); indexes (sets, sorted sets, hashes of unique values); the live bitmap
-- and the counter (strings).
--
-- Request: head    = the prefix of the rows' keys
--          live    = key of the bitmap
--          counter = key of the counter
--          fields  = list of the columns that are compared
--          expiry  = the ExpireAt column; absent: rows do not expire
--          rows    = list of {id, {expected value or false, ...} or false for a row that is gone,
--                    {index, member, index, member, ...}}: a unique value is a member
--
-- Reply:   the value of the counter, or nil;
--          for each row: {'changed'}      it is not as expected
--                        {'unreadable'}   its key holds no hash
--                        {'same', 1 if it has expired, its bit (-1: no bitmap), state, ...}:
--                        the state of an entry is its score, or '' in a set, or the id that has the
--                        unique value; nil if it does not exist; 0 if the key holds another type

-- @include lib/chunks
-- @include lib/expiry
-- @include lib/far_names
-- @include lib/rows

local request = cmsgpack.unpack(ARGV[1])
local FIND = {set = 'SISMEMBER', zset = 'ZSCORE', hash = 'HGET'}
local KIND = {idx = {set = true, zset = true}, len = {set = true}, uidx = {hash = true}}
local SORTED = {zset = true}

local kinds = {}

-- The type of an index's key; Redis is asked only once for each.
local function kind_of(key)
    if not kinds[key] then
        kinds[key] = redis.call('TYPE', key).ok
    end
    return kinds[key]
end

-- The state of a member in an index.
local function state_of(key, member)
    local kind = kind_of(key)
    if kind == 'none' then
        return false
    end
    if not (KIND[key:match('[^:]*$')] or SORTED)[kind] then
        return 0
    end
    local found = redis.call(FIND[kind], key, member)
    if kind == 'set' then
        return found == 1 and ''
    end
    return found
end

local function is_as_expected(found, expected)
    for position = 1, #request.fields do
        if found[position] ~= expected[position] then
            return false
        end
    end
    return true
end

local function bit_of(id)
    if kind_of(request.live) ~= 'string' or redis.call('STRLEN', request.live) == 0 then
        return -1
    end
    local bit = redis.pcall('GETBIT', request.live, id)
    if bit == 1 then
        return 1
    end
    return redis.call('ZSCORE', request.live .. FAR, as_far(id)) and 1 or 0
end

local function look(id, expected, entries)
    local key = request.head .. id
    local kind = redis.call('TYPE', key).ok
    if kind == 'none' then
        if expected then
            return {'changed'}
        end
    elseif kind ~= 'hash' then
        return {'unreadable'}
    elseif not expected or not is_as_expected(read_row(key, request.fields), expected) then
        return {'changed'}
    end
    local expired = request.expiry and has_expired(key, request.expiry) and 1 or 0
    local reply = {'same', expired, id:match('^%d+$') and bit_of(id) or -1}
    for position = 1, #entries, 2 do
        reply[#reply + 1] = state_of(entries[position], entries[position + 1])
    end
    return reply
end

local replies = {kind_of(request.counter) == 'string' and redis.call('GET', request.counter)}
for place, row in ipairs(request.rows) do
    replies[place + 1] = look(row[1], row[2], row[3])
end
return replies
