-- Append bytes to a string that belongs to a row, once.
--
-- The server appends whole or not at all, one after the other, so that writers do not tear each
-- other's bytes apart. Only a copy of the request would write them twice; it finds a note instead.
--
-- Keys: KEYS[1], the attempt's; the row (a hash); the string.
--
-- Request: at     = when the request was made, see lib/attempt
--          row    = key of the row, without which there is nothing to append to
--          string = key
--          data   = what comes at the end
--
-- Reply:   'ok', how long the string is then
--          'void'; 'late', time   see lib/attempt
--          'deleted', row         there is no such row
--          'unreadable', key      the key holds no string, or no row

-- @include lib/attempt

local request = cmsgpack.unpack(ARGV[1])

local function holds_another(key, wanted)
    local kind = redis.call('TYPE', key).ok
    return kind ~= wanted and kind ~= 'none'
end

local function objection()
    if redis.call('EXISTS', request.row) == 0 then
        return {'deleted', request.row}
    end
    if holds_another(request.row, 'hash') then
        return {'unreadable', request.row}
    end
    if holds_another(request.string, 'string') then
        return {'unreadable', request.string}
    end
end

-- The story.

local answer = earlier_answer(request.at)
if answer then
    return answer
end
local problem = objection()
if problem then
    return refuse(problem)
end
local length = tostring(redis.call('APPEND', request.string, request.data))
note(length)
return {'ok', length}
