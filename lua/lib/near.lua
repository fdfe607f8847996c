-- The kind `near` of lib/filters: the places within a distance, the nearest first.
--
-- kind    fields                                         ids
-- near    key, lon, lat, radius, unit, count             of the places, at most `count`; `enough`:
--                                                        the nearest so many will do

-- @include lib/filters
-- @include lib/lists
-- @include lib/planner

-- Where few of the nearest places are wanted, circles of these parts of the radius are looked at
-- first: the server collects all that lie in a circle, however few it is asked for.
local PARTS = {1 / 64, 1 / 8, 1}

-- The places in a circle, the nearest first, at most `count`.
local function in_circle(node, radius, count)
    if count then
        return ask('GEOSEARCH', node.key, 'FROMLONLAT', node.lon, node.lat,
            'BYRADIUS', radius, node.unit, 'ASC', 'COUNT', count)
    end
    return ask('GEOSEARCH', node.key, 'FROMLONLAT', node.lon, node.lat,
        'BYRADIUS', radius, node.unit, 'ASC')
end

local function nearest_few(node, count)
    local radius = tonumber(node.radius)
    for _, part in ipairs(PARTS) do
        local reach = part == 1 and node.radius or string.format('%.17g', radius * part)
        local found = in_circle(node, reach, count)
        if #found >= count or part == 1 then
            return found
        end
    end
end

-- The ids of the nearest places; a place whose entity is gone, or has expired, is none.
local function nearest(model, node, count)
    local found
    if count then
        found = nearest_few(node, count)
    else
        found = in_circle(node, node.radius)
    end
    local there = those(found, function(id)
        return redis.call('EXISTS', model.head .. id) == 1
    end)
    return model.unexpired and keep(model, model.unexpired, there) or there, #found
end

COLLECTABLE.near = true

-- No index says how many there are: they are found here, once. Of more than are wanted, the others
-- need not be found at all.
function SIZE.near(model, node)
    local most = node.count and math.min(node.count, node.enough or math.huge) or node.enough
    local count = most
    local ids, looked = nearest(model, node, count)
    while count and #ids < most and looked == count do
        count = 2 * count
        ids, looked = nearest(model, node, count)
    end
    node.ids, node.known = {}, {}
    for position, id in ipairs(ids) do
        if not most or position <= most then
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
