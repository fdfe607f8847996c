-- Have the bitmap of live ids and the counter know of rows that they have missed.
--
-- Keys: the rows; the bitmap and the counter (strings).
--
-- Request: head, live, counter = what the rows' keys begin with; keys. Without `live`, the model
--                                has no bitmap
--          ids                 = of the rows; those that are gone are left out
--
-- Reply:   how many of them there are.
--
-- The bitmap may be given up, where an id is too far away: counts then look at the rows.

-- @include lib/live

local request = cmsgpack.unpack(ARGV[1])

local function is_above(id, counted)
    return #id > #counted or (#id == #counted and id > counted)
end

local there = {}
local highest = redis.call('GET', request.counter) or '0'
for _, id in ipairs(request.ids) do
    if redis.call('EXISTS', request.head .. id) == 1 then
        there[#there + 1] = id
        if is_above(id, highest) then
            highest = id
        end
    end
end
if request.live then
    mark_live(request.live, there)
end
if #there > 0 then
    redis.call('SET', request.counter, highest)
end
return #there
