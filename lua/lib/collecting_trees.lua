-- Collecting the ids of filters made of other filters: see lib/trees.

-- @include lib/lists

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

COLLECT['or'] = function(model, node)
    local ids = {}
    for _, part in ipairs(node.nodes) do
        append(ids, COLLECT[part.kind](model, part))
    end
    return ids
end
