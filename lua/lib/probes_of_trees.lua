-- Probing filters made of other filters: see lib/trees.

-- @include lib/lists
-- @include lib/known

KEEP['and'] = function(model, node, ids)
    for _, part in ipairs(node.nodes) do
        ids = keep(model, part, ids)
    end
    return ids
end

-- Few ids are probed in each part. For many, collecting all ids of the parts is less work.
KEEP['or'] = function(model, node, ids)
    local are_many = #node.nodes > MOST_PROBED
    local is_less = are_many or node.size < #ids * #node.nodes
    if node.known or node.collectable and is_less and node.size <= EFFORT.known then
        local known = ids_known(model, node)
        return those(ids, function(id) return known[id] end)
    elseif are_many then
        refuse_whole()
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

KEEP['not'] = function(model, node, ids)
    local is_in = {}
    for _, id in ipairs(keep(model, node.node, ids)) do
        is_in[id] = true
    end
    return those(ids, function(id) return not is_in[id] end)
end
