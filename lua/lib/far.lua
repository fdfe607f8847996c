-- Far ids: live ids in a sorted set beside the live bitmap. See live.

-- @include lib/far_names

-- Return the smallest far id, or infinity.
local function first_far(live)
    local first = redis.call('ZRANGE', live .. FAR, 0, 0)[1]
    return tonumber(first) or math.huge
end

-- Return the first bit of the byte that would have this far id; the bitmap must end before it. A
-- walk goes on after the last byte of the bitmap, and would skip a far id within that byte.
local function end_before(id)
    return math.floor(id / 8) * 8
end

-- Return ids in ascending order, so that a large id does not make the smaller ones far, too.
local function ascending(ids)
    local sorted = {}
    for place, id in ipairs(ids) do
        sorted[place] = id
    end
    table.sort(sorted, function(a, b) return tonumber(a) < tonumber(b) end)
    return sorted
end

-- Mark ids of which some may be far; return false if one is too large even for that.
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
        redis.call('ZADD', live .. FAR, 0, as_far(id))
    end
    HAS_FAR[live] = nil
    return true
end

local function unmark_far(live, ids)
    local first = first_far(live)
    for _, id in ipairs(ids) do
        if tonumber(id) >= first then
            redis.call('ZREM', live .. FAR, as_far(id))
        end
    end
end
