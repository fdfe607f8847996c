-- The kind `near` of lib/filters: the places within a distance, the nearest first.
--
-- kind    fields                                         ids
-- near    key, lon, lat, radius, unit, count             of the places, at most `count`

-- @include lib/filters
-- @include lib/lists
-- @include lib/planner

-- The ids of the nearest places; a place whose entity is gone, or has expired, is none.
local function nearest(model, node, count)
    local found
    if count then
        found = ask('GEOSEARCH', node.key, 'FROMLONLAT', node.lon, node.lat,
            'BYRADIUS', node.radius, node.unit, 'ASC', 'COUNT', count)
    else
        found = ask('GEOSEARCH', node.key, 'FROMLONLAT', node.lon, node.lat,
            'BYRADIUS', node.radius, node.unit, 'ASC')
    end
    local there = those(found, function(id)
        return redis.call('EXISTS', model.head .. id) == 1
    end)
    return model.unexpired and keep(model, model.unexpired, there) or there, #found
end

COLLECTABLE.near = true

-- No index says how many there are: they are found here, once.
function SIZE.near(model, node)
    local count = node.count
    local ids, looked = nearest(model, node, count)
    while count and #ids < node.count and looked == count do
        count = 2 * count
        ids, looked = nearest(model, node, count)
    end
    node.ids, node.known = {}, {}
    for position, id in ipairs(ids) do
        if not node.count or position <= node.count then
            node.ids[position] = id
            node.known[id] = true
        end
    end
    return #node.ids
end

function KEEP.near(_, node, ids)
    return those(ids, function(id) return node.known[id] end)
end

function COLLECT.near(_, node)
    return node.ids
end

-- Where to begin without an order, if there is such a filter: the nearest come first.
function BEGIN.near(search)
    for index, part in ipairs(search.parts) do
        if part.kind == 'near' then
            return {mode = 'near', part = index}
        end
    end
end
