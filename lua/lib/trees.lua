-- Filters made of other filters, and the filter for all ids: the kinds `and`, `or`, `not` and `all`
-- in lib/filters.

-- @include lib/filters

SIZE['and'] = function(model, node)
    local smallest = math.huge
    for _, part in ipairs(node.nodes) do
        smallest = math.min(smallest, size_of(model, part))
    end
    return smallest
end

SIZE['or'] = function(model, node)
    local total = 0
    for _, part in ipairs(node.nodes) do
        total = total + size_of(model, part)
    end
    return total
end

SIZE['not'] = function(model, node)
    size_of(model, node.node)
    return model.span
end

function SIZE.all(model)
    return model.span
end

-- Tell whether all parts of a node can be collected, and whether at least one can.
local function look_at_parts(node)
    local are_all, is_one = true, false
    for _, part in ipairs(node.nodes) do
        part.collectable = is_collectable(part)
        are_all = are_all and part.collectable
        is_one = is_one or part.collectable
    end
    return are_all, is_one
end

COLLECTABLE['or'] = function(node)
    return (look_at_parts(node))
end

COLLECTABLE['and'] = function(node)
    local _, is_one = look_at_parts(node)
    return is_one
end
