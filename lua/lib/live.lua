-- The live bitmap: a bit for each id that has a row. Where a bitmap would become too large for its
-- rows, the larger ids are members of the sorted set `LIVE:far` instead, padded with zeros to
-- twenty digits and sorted as bytes. So the memory of ids grows with the rows, not with the ids.
--
-- Data of rom 1.x has no bitmap. While relive.lua builds one, it is a draft, under a key of its
-- own. Queries do not read the draft, but every write keeps it up to date.

local MOST_BITS = 4294967296       -- the limit of Redis
local LARGEST_GAP = 8388608        -- ids skipped at once: 1 MiB of zeros

local HAS_FAR = {}  -- by bitmap: whether it has far ids, once the script has looked

local function has_far(live)
    if HAS_FAR[live] == nil then
        HAS_FAR[live] = redis.call('ZCARD', live .. ':far') > 0
    end
    return HAS_FAR[live]
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

-- Set the bits of ids; return false if one is too large, or too far above the others.
local function set_all(bitmap, bits, ids)
    local first, last  -- a run of consecutive ids, because new ids mostly are consecutive
    for _, id in ipairs(ids) do
        local number = tonumber(id)
        if number >= MOST_BITS or number > bits + LARGEST_GAP then
            return false
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
    return true
end

-- Define the functions for far ids only on demand, because few models have such ids.
local function open_far()
    -- @include lib/far
    return mark_far, unmark_far
end

local function mark_live(live, ids)
    local bitmap, bits = bitmap_to_mark(live)
    if bits == 0 then
        return
    end
    -- A server may not allow strings of that length. The script has written rows by now, so an
    -- error must not end it; without a bitmap, the data is still right.
    local is_run, is_set = true, false
    if not has_far(live) then
        is_run, is_set = pcall(set_all, bitmap, bits, ids)
    end
    if is_run and not is_set and bitmap == live then
        is_run, is_set = pcall(open_far(), live, bits, ids)
    end
    if not (is_run and is_set) then
        redis.call('DEL', bitmap, live .. ':far')
    end
end

local function mark_dead(live, ids)
    local bitmap, bits = bitmap_to_mark(live)
    for _, id in ipairs(ids) do
        if tonumber(id) < bits then
            redis.call('SETBIT', bitmap, id, 0)
        end
    end
    if has_far(live) then
        local _, unmark_far = open_far()
        unmark_far(live, ids)
    end
end
