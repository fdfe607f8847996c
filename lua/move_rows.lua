-- Take leave of rows that have a copy elsewhere: those that are as they were copied are replaced by
-- a mark, so that no program writes or reads them here any more.
--
-- Keys: the rows (hashes), the record of the move (hash).
--
-- Request: record = key of the record
--          token, phase = the token of the run and its phase, which the record must have
--          after  = the place of the run, which the record must have
--          fields = list of the columns
--          rows   = list of {key, {value or false, ...}}: the rows as they were copied
--          mark   = the string that replaces a row; absent: the rows stay, and are only looked at
--          done   = list of {'after', place, field, value, ...} for the record, if no row is left
--
-- Reply:   'ok', {number, ...}   the numbers of the rows that are not as they were copied
--          'taken'               the record has another token or phase; nothing was written
--          'behind'              it has another place, because a failover lost later ones; the same
--          'more', key           the row has fields that are no columns; nothing was written
--
-- A row that has the mark already counts as replaced, so the call may be repeated.

-- @include lib/chunks

local request = cmsgpack.unpack(ARGV[1])
local fields, mark = request.fields, request.mark

local function has_mark(key)
    return mark and redis.pcall('GET', key) == mark
end

-- Return whether the row has these values, and how many of them there are.
local function is_as_copied(key, values)
    local is_hash, found = pcall(fields_of, key, fields)
    if not is_hash then
        return false
    end
    local count = 0
    for position in ipairs(fields) do
        if (found[position] or false) ~= (values[position] or false) then
            return false
        end
        count = count + (found[position] and 1 or 0)
    end
    return true, count
end

local function look()
    local moved, left = {}, {}
    for number, row in ipairs(request.rows) do
        local key, values = row[1], row[2]
        local is_same, count = is_as_copied(key, values)
        if is_same and redis.call('HLEN', key) > count then
            return nil, key
        elseif is_same then
            moved[#moved + 1] = key
        elseif not has_mark(key) then
            left[#left + 1] = tostring(number)
        end
    end
    return moved, left
end

local state = redis.call('HMGET', request.record, 'token', 'phase', 'after')
if state[1] ~= request.token or state[2] ~= request.phase then
    return {'taken'}
elseif state[3] ~= request.after and not (request.done and state[3] == request.done[2]) then
    return {'behind'}
end
local moved, left = look()
if not moved then
    return {'more', left}
end
for _, key in ipairs(mark and moved or {}) do
    redis.call('SET', key, mark)
end
if request.done and (not mark or #left == 0) then
    in_chunks('HSET', request.record, request.done)
end
return {'ok', left}
