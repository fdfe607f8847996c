-- The live bitmap: a bit for each id that has a row. Where a bitmap would become too large for its
-- rows, the larger ids are members of the sorted set `LIVE:far` instead, padded with zeros to
-- twenty digits and sorted as bytes. So the memory of ids grows with the rows, not with the ids.
--
-- Data of rom 1.x has no bitmap. While relive.lua builds one, it is a draft, under a key of its
-- own. Queries do not read the draft, but every write keeps it up to date.

-- @include lib/far_key

local MOST_BITS = 4294967296       -- the limit of Redis
local LARGEST_GAP = 8388608        -- ids skipped at once: 1 MiB of zeros

local LOOKED = {}   -- by key of a bitmap: what `bitmap_to_mark` found
local HAS_FAR = {}  -- by key of a bitmap: whether it has far ids, once the script has looked

local function has_far(live)
    if HAS_FAR[live] == nil then
        HAS_FAR[live] = redis.call('ZCARD', live .. FAR) > 0
    end
    return HAS_FAR[live]
end

-- Return the key of the bitmap or of its draft, and its size in bits: 0 where neither exists. A
-- bitmap is looked at once, because a command takes longer than all else here.
local function bitmap_to_mark(live)
    local found = LOOKED[live]
    if not found then
        local key, bytes = live, redis.call('STRLEN', live)
        if bytes == 0 then
            key = live .. ':draft'
            bytes = redis.call('STRLEN', key)
        end
        found = {key, bytes * 8}
        LOOKED[live] = found
    end
    return found[1], found[2]
end

-- Define these functions on demand, because a usual insert calls none of them, and the server makes
-- all functions at the top of a script at each call.
local function open_marking()
    -- @include lib/runs
    -- @include lib/far
    return set_all, mark_far
end

-- Mark ids whose rows were written.
local function mark_live(live, ids)
    local bitmap, bits = bitmap_to_mark(live)
    if bits == 0 then
        return
    elseif #ids == 1 and tonumber(ids[1]) < bits then
        redis.call('SETBIT', bitmap, ids[1], 1)
        return
    end
    local set_all, mark_far = open_marking()
    -- A server may not allow strings of that length. The script has written rows by now, so an
    -- error must not end it; without a bitmap, the data is still right.
    local is_run, is_set = pcall(set_all, live, bitmap, bits, ids)
    if is_run and not is_set and bitmap == live then
        is_run, is_set = pcall(mark_far, live, bits, ids)
    end
    if not (is_run and is_set) then
        redis.call('DEL', bitmap, live .. FAR)
    end
    LOOKED[live] = nil
end
