-- Append bytes to a string that belongs to a row, once.
--
-- The server appends whole or not at all, one after the other, so that writers do not tear each
-- other's bytes apart. Only a repetition (the client library sends a command again when a
-- connection breaks) would write them twice; it finds its note instead.
--
-- Keys: KEYS[1], the string; the row (a hash); the note (a string).
--
-- Request: row      = key of the row, without which there is nothing to append to
--          data     = what comes at the end
--          done     = key under which it is noted that these bytes were appended
--          remember = for so many seconds
--
-- Reply:   'ok', how long the string is then
--          'deleted', row      there is no such row
--          'unreadable', key   the key holds no string

local request = cmsgpack.unpack(ARGV[1])

local before = redis.call('GET', request.done)
if before then
    return {'ok', before}
end
if redis.call('EXISTS', request.row) == 0 then
    return {'deleted', request.row}
end
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'string' and kind ~= 'none' then
    return {'unreadable', KEYS[1]}
end
local length = tostring(redis.call('APPEND', KEYS[1], request.data))
redis.call('SET', request.done, length, 'EX', request.remember)
return {'ok', length}
