-- Searches within a search, for matches that are equal in an order or lack a value for it.

-- @include lib/direction
-- @include lib/lists

-- A search with one more part, sorted by the next order or by id.
local function inner_search(search, part, has_mark)
    local inner = setmetatable({parts = {}}, {__index = search})
    append(inner.parts, search.parts)
    append(inner.parts, {part})
    size_of(inner.model, part)
    inner.level = search.level + 1
    inner.order = search.orders[inner.level] or false
    inner.mark = has_mark and search.mark or false
    if inner.order then
        bound_order(inner)
    end
    return inner
end

local function begin_inner(inner, reverse)
    if inner.order then
        return begin_order(inner)
    end
    local is_reverse = is_downwards(inner, reverse)
    return {mode = 'ids', reverse = is_reverse, from = inner.mark and inner.mark.id or nil}
end
