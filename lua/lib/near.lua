-- The kind `near` of lib/filters: the places within a distance, the nearest first.
--
-- kind    fields                                         ids
-- near    key, lon, lat, radius, unit, count             of the places, at most `count`; `enough`:
--                                                        this number of the nearest is sufficient
--
-- Redis collects all places of a circle before it sorts them, even if COUNT is small. With ANY, it
-- stops at COUNT places, but not at the nearest. So a result is used only if it has fewer places
-- than COUNT: then it is complete.

-- @include lib/filters
-- @include lib/lists
-- @include lib/planner

local MOST_PLACES = 4000
local LEAST_PLACES = 100  -- or five times `count`: half the radius has about a quarter of them
local MOST_HALVINGS = 48  -- of the earth's radius: less than a tenth of a micrometer

-- To find a few of the nearest places, circles with these parts of the radius are searched in turn.
local PARTS = {1 / 64, 1 / 8, 1}

-- The places in a circle, the nearest first; nil if there are too many.
local function in_circle(node, radius, most)
    local found = ask('GEOSEARCH', node.key, 'FROMLONLAT', node.lon, node.lat,
        'BYRADIUS', radius, node.unit, 'ASC', 'COUNT', most, 'ANY')
    spend(4 * #found)
    return #found < most and found or nil
end

-- At least the nearest `count` places, if there are that many; nil if no circle has both enough and
-- not too many. The radius of a circle with too many places is halved until it has fewer.
local function nearest_few(node, count)
    local radius = tonumber(node.radius)
    local most = math.min(math.max(5 * count, LEAST_PLACES), MOST_PLACES)
    for _, part in ipairs(PARTS) do
        local reach = radius * part
        local digits = part == 1 and node.radius or string.format('%.17g', reach)
        local found = in_circle(node, digits, most)
        if found and (#found >= count or part == 1) then
            return found
        end
        local halvings = 0
        while not found and halvings < MOST_HALVINGS and not is_spent() do
            reach, halvings = reach / 2, halvings + 1
            found = in_circle(node, string.format('%.17g', reach), most)
        end
        if halvings > 0 then
            return found and #found >= count and found or nil
        end
    end
end

-- The ids of the nearest places, without those of rows that are gone or have expired.
local function nearest(model, node, count)
    local found
    if count then
        found = nearest_few(node, count)
    else
        found = in_circle(node, node.radius, MOST_PLACES)
    end
    if not found then
        refuse_whole()
    end
    local places, there = math.min(#found, count or #found), {}
    for place = 1, places do
        if redis.call('EXISTS', model.head .. found[place]) == 1 then
            there[#there + 1] = found[place]
        end
    end
    return model.unexpired and keep(model, model.unexpired, there) or there, places
end

COLLECTABLE.near = true

-- The size is not known without a search, so the places are found here, once. If a few suffice,
-- only these are searched for.
function SIZE.near(model, node)
    local most = node.count and math.min(node.count, node.enough or math.huge) or node.enough
    local count = most
    local ids, looked = nearest(model, node, count)
    while count and #ids < most and looked >= count do
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

-- The position to begin at without an order, if there is a `near` filter: the nearest come first.
function BEGIN.near(search)
    for index, part in ipairs(search.parts) do
        if part.kind == 'near' then
            return {mode = 'near', part = index}
        end
    end
end
