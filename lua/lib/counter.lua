-- The counter of ids, and its epochs.
--
-- The first id also creates the live bitmap and the fingerprint ("stamp"). Older data gets neither
-- here: a bitmap with only the new ids would be wrong, and the stored data may lack an index.
--
-- A database that is emptied, restored or promoted may be behind: ids above its counter were given
-- before, and are given again. So an epoch of the counter begins with the first id that a server
-- process gives. The epochs are stored as 'PROCESS|start:last start:last ...', the newest first:
-- the start in microseconds, and the last id that had been given by then according to the data.

-- @include lib/process

local LONGEST = 2000  -- bytes of epochs; older ones are dropped
local LARGEST = '9223372036854775807'  -- the server counts no further

-- Return the id that the counter will give next, or nil if the value of the key cannot be counted
-- up. INCRBY takes a sign, and would give negative ids; it refuses zeros in front. Ids are strings,
-- because a Lua number would lose digits.
local function next_id(counter)
    local last = redis.pcall('GET', counter) or '0'
    if type(last) == 'table' then
        return
    end
    local head, digit, nines = last:match('^(%d-)([0-8]?)(9*)$')
    if not head or last:find('^0.') or last == ''
        or #last >= #LARGEST and (#last > #LARGEST or last >= LARGEST) then
        return
    elseif digit == '' then
        digit = '0'
    end
    return head .. (digit + 1) .. nines:gsub('9', '0')
end

-- Begin an epoch, because this process has not given an id before. `known` is the value of the key.
local function begin_epoch(epochs, counter, known)
    local older = known and known:match('|(.*)') or ''
    local time, last = redis.call('TIME'), redis.call('GET', counter) or '0'
    local all = string.format('%s%s%06d:%s %s', PROCESS, time[1], time[2], last, older)
    redis.call('SET', epochs, all:sub(1, LONGEST):match('^.* '))
end

-- Take ids; the counter then holds the last of them. `stamp` is {key, fingerprint} and `epochs` is
-- a key; both may be nil. `known` is the value of `epochs`. Return whether they are the first.
local function take_ids(counter, live, count, stamp, epochs, known)
    if epochs and not (known and known:sub(1, #PROCESS) == PROCESS) then
        begin_epoch(epochs, counter, known)
    end
    local last = redis.call('INCRBY', counter, count)
    local is_first = last == tonumber(count)
    if live and is_first and redis.call('EXISTS', live) == 0 then
        redis.call('SETBIT', live, 0, 0)
    end
    if stamp and is_first then
        redis.call('SETNX', stamp[1], stamp[2])
    end
    return is_first
end
