-- Idempotent writes: an attempt is carried out at most once, however often its request arrives.
--
-- KEYS[1] is the attempt's own key. The script that answers the attempt leaves a note there: the
-- answer, or that the attempt was refused or given up. A late copy of the request finds the note
-- and changes nothing. But the note expires, and a copy could arrive even later. So a request says
-- when it was made, by the server's clock. It is refused long before the note of an earlier copy
-- can have expired.

local LIFE = 180     -- seconds until a note expires
local LATEST = 90    -- seconds after which a request is too late
local EARLIEST = 30  -- a request made more seconds in the future was timed by another clock

local function note(told)
    redis.call('SET', KEYS[1], told, 'EX', LIFE)
end

-- Return the reply, after a note that keeps every copy of the request from being carried out.
local function refuse(reply)
    note('refused')
    return reply
end

local current          -- the reply of TIME, once it was called
local found_epochs     -- the values of the keys of epochs, in the order of these keys

-- Return the reply to a request that was answered before, or that is too late: 'ok' and the first
-- answer; 'void'; or 'late' and the server's time. Return nil if the attempt may go on. The same
-- command reads the keys of epochs, because one command is faster than two.
local function earlier_answer(at, keys)
    found_epochs = redis.call('MGET', KEYS[1], unpack(keys or {}))
    local told = table.remove(found_epochs, 1)
    if told == 'refused' or told == 'void' then
        return {'void'}
    elseif told then
        return {'ok', told}
    end
    current = redis.call('TIME')
    local now = current[1]
    if now - at > LATEST then
        return {'late', now}  -- without a note, because an earlier copy may have been carried out
    elseif at - now > EARLIEST then
        return refuse({'late', now})
    end
end
