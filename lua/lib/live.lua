-- The bitmap of live ids: a bit for each id that exists. Where it would grow out of proportion, the
-- ids from there on are in a sorted set beside it, `LIVE:far`: zeros and digits, twenty of them, in
-- the order of bytes. So what ids take is in proportion to the rows, wherever these are.
--
-- Data of rom 1.x has no bitmap. While relive.lua builds one, it is a draft, under a key of its
-- own. Queries do not read the draft, but every write keeps it up to date.

local MOST_BITS = 4294967296       -- what Redis allows
local LARGEST_GAP = 8388608        -- ids skipped at once: 1 MiB of nothing
local MOST_EXACT = 9007199254740992  -- 2^53: no walk goes on from a larger id

local function far_of(live)
    return live .. ':far'
end

local function as_far(id)
    return string.rep('0', 20 - #id) .. id
end

-- Return the key of the bitmap or of its draft, and its size in bits: 0 where neither exists.
local function bitmap_to_mark(live)
    local bytes = redis.call('STRLEN', live)
    if bytes > 0 then
        return live, bytes * 8
    end
    return live .. ':draft', redis.call('STRLEN', live .. ':draft') * 8
end

-- Set the bits of all ids from `first` to `last`: the whole bytes by one command.
local function set_bits(bitmap, first, last)
    local from, past = math.ceil(first / 8), math.floor((last + 1) / 8)
    if from < past then
        redis.call('SETRANGE', bitmap, from, string.rep('\255', past - from))
        set_bits(bitmap, first, from * 8 - 1)
        set_bits(bitmap, past * 8, last)
        return
    end
    for id = first, last do
        redis.call('SETBIT', bitmap, id, 1)
    end
end

-- The first id beside the bitmap; none: infinite.
local function first_far(live)
    local first = redis.call('ZRANGE', far_of(live), 0, 0)[1]
    return tonumber(first) or math.huge
end

-- Where the bitmap ends at the latest: in no byte that could have this id's bit.
local function end_before(id)
    return math.floor(id / 8) * 8
end

local function add_far(live, ids)
    for _, id in ipairs(ids) do
        redis.call('ZADD', far_of(live), 0, as_far(id))
    end
end

-- Set the bits of ids; returns those that are too large, or too far away.
local function set_all(bitmap, bits, ids, limit)
    local far = {}
    local first, last  -- of a run of ids that follow each other, as new ones do
    for _, id in ipairs(ids) do
        local number = tonumber(id)
        if number >= math.min(MOST_BITS, limit) or number > bits + LARGEST_GAP then
            far[#far + 1], limit = id, math.min(limit, end_before(number))
        elseif number - 1 == last then
            last = number
        else
            if first then
                set_bits(bitmap, first, last)
            end
            first, last = number, number
        end
        bits = math.max(bits, number)
    end
    if first then
        set_bits(bitmap, first, last)
    end
    return far
end

-- Ids in ascending order. A far one that comes first must not keep others from the bitmap.
local function ascending(ids)
    local sorted = {}
    for place, id in ipairs(ids) do
        sorted[place] = id
    end
    table.sort(sorted, function(a, b) return tonumber(a) < tonumber(b) end)
    return sorted
end

local function mark_live(live, ids)
    local bitmap, bits = bitmap_to_mark(live)
    if bits == 0 then
        return
    end
    local highest = 0
    for _, id in ipairs(ids) do
        highest = math.max(highest, tonumber(id))
    end
    local limit = highest >= bits and end_before(first_far(live)) or math.huge
    if highest > bits + LARGEST_GAP then
        ids = ascending(ids)
    end
    -- The server may allow no string of that length: an error is no reason to stop half way. Of a
    -- draft, nobody knows yet where it will end.
    local is_run, far = pcall(set_all, bitmap, bits, ids, limit)
    local is_kept = is_run and (#far == 0 or bitmap == live and highest < MOST_EXACT)
    if is_kept then
        add_far(live, far)
    else
        redis.call('DEL', bitmap, far_of(live))
    end
end

local function mark_dead(live, ids)
    local bitmap, bits = bitmap_to_mark(live)
    local first
    for _, id in ipairs(ids) do
        if tonumber(id) < bits then
            redis.call('SETBIT', bitmap, id, 0)
        end
        first = first or first_far(live)
        if tonumber(id) >= first then
            redis.call('ZREM', far_of(live), as_far(id))
        end
    end
end
