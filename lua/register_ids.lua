-- Add rows that the live bitmap and the counter have missed to both.
--
-- Keys: the rows; the bitmap and the counter (strings).
--
-- Request: head, live, counter = the prefix of the rows' keys; keys. Without `live`, the model has
--                                no bitmap
--          ids                 = list of the rows' ids; ids without a row are left out
--
-- Reply:   the number of rows that exist.
--
-- If an id is too far away, the bitmap may be given up: counts then look at the rows.

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
