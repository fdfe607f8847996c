-- Filters by ids, and by what leads to one: the kinds `ids`, `unique` and `between` of lib/filters.
--
-- kind     fields        ids
-- ids      ids           those of a list that exist
-- unique   key, values   those that a hash of unique values has for some of its fields
-- between  low, high     those between two, both included; without `high` there is no end

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

-- How many ids of the bitmap lie between two, whose bytes it has. The server counts whole bytes.
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

-- Without a bitmap, every number up to the counter may be an id.
function SIZE.between(model, node)
    node.lowest, node.highest = tonumber(node.low), tonumber(node.high or math.huge)
    local last = model.bytes and model.bytes * 8 - 1 or model.last
    local first = math.max(node.lowest, model.bytes and 0 or 1)
    last = math.min(node.highest, last)
    if first > last then
        return 0
    elseif model.bytes then
        return count_live(model, first, last)
    end
    return last - first + 1
end
