-- Append bytes to a string that belongs to a row, once.
--
-- Redis runs one script at a time, so the bytes of several writers are never mixed. A repeated
-- request finds the note of the first one, and does not append the bytes twice.
--
-- Keys: KEYS[1], the attempt's; the row (a hash); the string.
--
-- Request: at     = when the request was made, see lib/attempt
--          row    = key of the row, which must exist
--          string = key of the string
--          data   = the bytes to append
--
-- Reply:   'ok', the new length of the string
--          'void'; 'late', time   see lib/attempt
--          'deleted', row         the row does not exist
--          'unreadable', key      the key holds another type

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
