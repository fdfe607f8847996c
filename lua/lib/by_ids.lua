-- Filters by ids and by unique values: the kinds `ids`, `unique` and `between` of lib/filters.
--
-- kind     fields        ids
-- ids      ids           the ids of a list that exist
-- unique   key, values   the ids of unique values, looked up in their hash
-- between  low, high     the ids from `low` to `high`, both included; without `high` no upper bound

-- @include lib/far_names
-- @include lib/filters
-- @include lib/lists
-- @include lib/model

COLLECTABLE.ids, COLLECTABLE.unique, COLLECTABLE.between = true, true, true

function SIZE.ids(_, node)
    return #node.ids
end

function SIZE.unique(_, node)
    node.ids = those(ask_each('HMGET', node.key, node.values), function(id) return id end)
    return #node.ids
end

-- The number of live ids from `first` to `last`, for a range within the bitmap. Redis counts whole
-- bytes, so the bits at both ends are subtracted.
local function count_live(model, first, last)
    local from, to = math.floor(first / 8), math.floor(last / 8)
    local count = ask('BITCOUNT', model.live, from, to)
    for id = from * 8, first - 1 do
        count = count - ask('GETBIT', model.live, id)
    end
    for id = last + 1, to * 8 + 7 do
        count = count - ask('GETBIT', model.live, id)
    end
    return count
end

-- The number of far ids from `first` to `last`.
local function count_far(model, first, last)
    if model.far == 0 or first > MOST_EXACT then
        return 0
    end
    local to = last <= MOST_EXACT and '[' .. as_far(write_id(last)) or '+'
    return ask('ZLEXCOUNT', model.live .. FAR, '[' .. as_far(write_id(first)), to)
end

-- Without a bitmap, every number up to the counter may be an id.
function SIZE.between(model, node)
    node.lowest, node.highest = tonumber(node.low), tonumber(node.high or math.huge)
    if not model.bytes then
        local first, last = math.max(node.lowest, 1), math.min(node.highest, model.last)
        return math.max(last - first + 1, 0)
    end
    local first, last = math.max(node.lowest, 0), math.min(node.highest, model.bytes * 8 - 1)
    local near = first <= last and count_live(model, first, last) or 0
    return near + count_far(model, first, node.highest)
end
