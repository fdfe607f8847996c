-- The filter that leaves out expired and soft-deleted entities.

-- @include lib/expiry
-- @include lib/trees

-- A part that matches all other entities; nil if there are none of these, which is the usual case.
local function open_unexpired(model, asked)
    local gone = {}
    if asked.expiry then
        gone[1] = {kind = 'range', key = asked.expiry, low = '-inf', high = now()}
    end
    if asked.deleted then
        gone[#gone + 1] = {kind = 'range', key = asked.deleted, low = '-inf', high = '+inf'}
    end
    local both = {kind = 'or', nodes = gone}
    if size_of(model, both) > 0 then
        local node = gone[2] and both or gone[1]
        return {kind = 'not', node = node, size = math.max(model.span - node.size, 1)}
    end
end
