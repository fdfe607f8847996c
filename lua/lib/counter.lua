-- Ids come from a counter. With the first one, the bitmap of live ids begins; data that is older
-- than the bitmap goes without, for half a bitmap would be worse than none.

-- Take ids; returns the last of them, as a string, for a Lua number would lose digits.
local function take_ids(counter, live, count)
    local last = redis.call('INCRBY', counter, count)
    local is_first = last == tonumber(count)
    if live and is_first and redis.call('EXISTS', live) == 0 then
        redis.call('SETBIT', live, 0, 0)
    end
    return redis.call('GET', counter)
end
