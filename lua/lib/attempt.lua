-- An attempt to write is carried out once, however often its request arrives, and however late.
--
-- KEYS[1] is the attempt's own key. Whoever answers the attempt leaves a note there: what was told
-- when it was carried out; or that it was refused, or given up, so that a copy of the request that
-- is still on its way changes nothing. The note goes after a while, and a copy could arrive later
-- still. So a request says when it was made, by the server's clock, and is refused long before the
-- note of an earlier copy could be gone.

local LIFE = 180     -- seconds that a note stays
local LATEST = 90    -- a request made so many seconds ago is too late
local EARLIEST = 30  -- one that says it is made in so many seconds has another clock

local function note(told)
    redis.call('SET', KEYS[1], told, 'EX', LIFE)
end

-- The attempt is not carried out, and no copy of its request will be.
local function refuse(reply)
    note('refused')
    return reply
end

local current          -- what TIME says, once it was asked
local found_epochs     -- what the keys hold that were read along

-- The answer to a request that has been answered before, or that does not come in time: 'ok' and
-- what was told; 'void'; or 'late' and the server's time. Nil if it may go on. The keys of epochs
-- are read along: one command is quicker than two.
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
        return {'late', now}  -- without a note: an earlier copy may have been carried out
    elseif at - now > EARLIEST then
        return refuse({'late', now})
    end
end
