-- What leaves out the entities that have expired.

-- @include lib/expiry
-- @include lib/trees

-- A part for what has not expired; none where the index says that all has not, as it usually does.
local function open_unexpired(model, key)
    local expired = {kind = 'range', key = key, low = '-inf', high = now()}
    if size_of(model, expired) > 0 then
        return {kind = 'not', node = expired, size = math.max(model.span - expired.size, 1)}
    end
end
