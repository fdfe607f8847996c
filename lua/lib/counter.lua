-- Ids come from a counter. With the first one, the bitmap of live ids begins; data that is older
-- than the bitmap goes without, for half a bitmap would be worse than none. So does the stamp,
-- which says which indexes the data has: it is true of data that has had them from the beginning.
--
-- A database that is emptied, restored or promoted may be behind: ids above its counter were given
-- before, and are given again. So an epoch of the counter begins with the first id that a server
-- process gives. The epochs are kept as 'PROCESS|moment:last moment:last ...', the newest first: in
-- microseconds when each began, and the last id that was given by then, as far as the data know.

local LONGEST = 2000  -- bytes of epochs; older ones are forgotten

-- The id after this one; nil if it is none. Both are strings, for a Lua number would lose digits.
local function id_after(last)
    local head, digit, nines = last:match('^(%d-)([0-8]?)(9*)$')
    if not head then
        return
    elseif digit == '' then
        digit = '0'
    end
    return head .. (digit + 1) .. nines:gsub('9', '0')
end

-- The id that the counter will give next; nil if the counter is none.
local function next_id(counter)
    local last = redis.pcall('GET', counter)
    return type(last) ~= 'table' and id_after(last or '0')
end

-- Begin an epoch if this process has not given an id before. `known` is what the key has.
local function note_epoch(epochs, counter, known)
    local process = tostring(redis) .. '|'  -- the address of a table: another in each process
    if known and known:sub(1, #process) == process then
        return
    end
    local older = known and known:match('|(.*)') or ''
    local time, last = redis.call('TIME'), redis.call('GET', counter) or '0'
    local all = string.format('%s%s%06d:%s %s', process, time[1], time[2], last, older)
    redis.call('SET', epochs, all:sub(1, LONGEST):match('^.* '))
end

-- Both are digits without zeros in front; a Lua number would lose some of them.
local function is_less(one, other)
    if #one ~= #other then
        return #one < #other
    end
    return one < other
end

-- Rows are written whose ids come from elsewhere, or from a counter that has lost them since: none
-- of them may be given again.
local function put_ahead(counter, id)
    if is_less(redis.call('GET', counter) or '0', id) then
        redis.call('SET', counter, id)
    end
end

-- Take ids; the counter then holds the last of them. `stamp` is {key, what it says}; it and
-- `epochs`, a key, may be absent. `known` is what that key has.
local function take_ids(counter, live, count, stamp, epochs, known)
    if epochs then
        note_epoch(epochs, counter, known)
    end
    local last = redis.call('INCRBY', counter, count)
    local is_first = last == tonumber(count)
    if live and is_first and redis.call('EXISTS', live) == 0 then
        redis.call('SETBIT', live, 0, 0)
    end
    if stamp and is_first then
        redis.call('SETNX', stamp[1], stamp[2])
    end
end
