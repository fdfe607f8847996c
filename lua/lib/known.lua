-- What is known of a filter once all its ids are collected.

-- All ids of a node, as the keys of a table, collected once.
local function ids_known(model, node)
    if not node.known then
        node.known = {}
        for _, id in ipairs(COLLECT[node.kind](model, node)) do
            node.known[id] = true
        end
    end
    return node.known
end
