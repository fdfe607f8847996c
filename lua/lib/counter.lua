-- Ids come from a counter. With the first one, the bitmap of live ids begins; data that is older
-- than the bitmap goes without, for half a bitmap would be worse than none. So does the stamp,
-- which says which indexes the data has: it is true of data that has had them from the beginning.

-- The id after this one. Both are strings, for a Lua number would lose digits.
local function id_after(last)
    local head, digit, nines = last:match('^(%d-)([0-8]?)(9*)$')
    if digit == '' then
        digit = '0'
    end
    return head .. (digit + 1) .. nines:gsub('9', '0')
end

-- The id that the counter will give next.
local function next_id(counter)
    return id_after(redis.call('GET', counter) or '0')
end

-- Take ids; the counter then holds the last of them. `stamp` is {key, what it says}, or absent.
local function take_ids(counter, live, count, stamp)
    local last = redis.call('INCRBY', counter, count)
    local is_first = last == tonumber(count)
    if live and is_first and redis.call('EXISTS', live) == 0 then
        redis.call('SETBIT', live, 0, 0)
    end
    if stamp and is_first then
        redis.call('SETNX', stamp[1], stamp[2])
    end
end
