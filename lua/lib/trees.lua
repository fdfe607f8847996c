-- Filters made of other filters: the kinds `and`, `or` and `not` of lib/filters.

-- @include lib/filters

SIZE['and'] = function(model, node)
    local smallest = math.huge
    for _, part in ipairs(node.nodes) do
        smallest = math.min(smallest, size_of(model, part))
    end
    return smallest
end

KEEP['and'] = function(model, node, ids)
    for _, part in ipairs(node.nodes) do
        ids = keep(model, part, ids)
    end
    return ids
end

COLLECT['and'] = function(model, node)
    local best
    for _, part in ipairs(node.nodes) do
        if part.collectable and not (best and best.size <= part.size) then
            best = part
        end
    end
    local ids = COLLECT[best.kind](model, best)
    for _, part in ipairs(node.nodes) do
        if part ~= best then
            ids = keep(model, part, ids)
        end
    end
    return ids
end

SIZE['or'] = function(model, node)
    local total = 0
    for _, part in ipairs(node.nodes) do
        total = total + size_of(model, part)
    end
    return total
end

-- Of few ids each part is asked; of many, it is less work to collect all ids of the parts, once.
KEEP['or'] = function(model, node, ids)
    if node.known or node.collectable and node.size < #ids * #node.nodes then
        local known = ids_known(model, node)
        return those(ids, function(id) return known[id] end)
    end
    local is_in, rest = {}, ids
    for _, part in ipairs(node.nodes) do
        for _, id in ipairs(keep(model, part, rest)) do
            is_in[id] = true
        end
        rest = those(rest, function(id) return not is_in[id] end)
    end
    return those(ids, function(id) return is_in[id] end)
end

COLLECT['or'] = function(model, node)
    local ids = {}
    for _, part in ipairs(node.nodes) do
        append(ids, COLLECT[part.kind](model, part))
    end
    return ids
end

SIZE['not'] = function(model, node)
    size_of(model, node.node)
    return model.span
end

KEEP['not'] = function(model, node, ids)
    local is_in = {}
    for _, id in ipairs(keep(model, node.node, ids)) do
        is_in[id] = true
    end
    return those(ids, function(id) return not is_in[id] end)
end

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
