-- The bitmap of live ids: a bit for each id that exists. Where it would grow out of proportion, it
-- is given up: counts then look at the rows.

local MOST_BITS = 4294967296       -- what Redis allows
local LARGEST_GAP = 67108864       -- ids skipped at once: 8 MiB of nothing

local function mark_live(bitmap, ids)
    local bits = redis.call('STRLEN', bitmap) * 8
    if bits == 0 then
        return
    end
    for _, id in ipairs(ids) do
        local number = tonumber(id)
        if number >= MOST_BITS or number > bits + LARGEST_GAP then
            redis.call('DEL', bitmap)
            return
        end
        redis.call('SETBIT', bitmap, id, 1)
        bits = math.max(bits, number)
    end
end

local function mark_dead(bitmap, ids)
    local bits = redis.call('STRLEN', bitmap) * 8
    for _, id in ipairs(ids) do
        if tonumber(id) < bits then
            redis.call('SETBIT', bitmap, id, 0)
        end
    end
end
