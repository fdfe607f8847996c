-- Ids beside the bitmap of live ids: see live.

local MOST_EXACT = 9007199254740992  -- 2^53: no walk goes on from a larger id

local function far_of(live)
    return live .. ':far'
end

local function as_far(id)
    return string.rep('0', 20 - #id) .. id
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

-- A far id that comes first must not keep others from the bitmap.
local function ascending(ids)
    local sorted = {}
    for place, id in ipairs(ids) do
        sorted[place] = id
    end
    table.sort(sorted, function(a, b) return tonumber(a) < tonumber(b) end)
    return sorted
end

-- Mark ids of which some are, or may be, far; false if one is too large for that.
local function mark_far(live, bits, ids)
    local limit, far, near = end_before(first_far(live)), {}, {}
    for _, id in ipairs(ascending(ids)) do
        local number = tonumber(id)
        if number >= MOST_EXACT then
            return false
        elseif number >= math.min(MOST_BITS, limit) or number > bits + LARGEST_GAP then
            far[#far + 1], limit = id, math.min(limit, end_before(number))
        else
            near[#near + 1], bits = id, math.max(bits, number)
        end
    end
    for _, id in ipairs(near) do
        redis.call('SETBIT', live, id, 1)
    end
    for _, id in ipairs(far) do
        redis.call('ZADD', far_of(live), 0, as_far(id))
    end
    HAS_FAR[live] = nil
    return true
end

local function unmark_far(live, ids)
    local first = first_far(live)
    for _, id in ipairs(ids) do
        if tonumber(id) >= first then
            redis.call('ZREM', far_of(live), as_far(id))
        end
    end
end
