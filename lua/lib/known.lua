-- The ids of a filter, collected once to probe others.

-- All ids of a node, as the keys of a table, collected once, if they are few enough.
local function ids_known(model, node)
    if not node.known then
        if node.size > EFFORT.known then
            refuse_whole()
        end
        spend(2 * node.size)
        node.known = {}
        for _, id in ipairs(COLLECT[node.kind](model, node)) do
            node.known[id] = true
        end
    end
    return node.known
end
