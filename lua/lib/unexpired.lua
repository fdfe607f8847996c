-- The filter that leaves out expired entities.

-- @include lib/expiry
-- @include lib/trees

-- A part that matches unexpired entities; nil if none has expired, which is the usual case.
local function open_unexpired(model, key)
    local expired = {kind = 'range', key = key, low = '-inf', high = now()}
    if size_of(model, expired) > 0 then
        return {kind = 'not', node = expired, size = math.max(model.span - expired.size, 1)}
    end
end
