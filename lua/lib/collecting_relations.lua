-- Collecting the ids of filters by relations: see lib/relations.

-- @include lib/every_link
-- @include lib/lists

-- The rows of each id, one after the other; or, of the rows of all ids, those that match.
function COLLECT.refer(model, node)
    if node.whole then
        local first, last = node.ids[1], node.ids[#node.ids]
        return keep(model, node, ask('ZRANGEBYSCORE', node.key, first, last))
    end
    local ids = {}
    for _, id in ipairs(node.ids) do
        append(ids, ask('ZRANGEBYSCORE', node.key, id, id))
    end
    return ids
end

function COLLECT.link(model, node)
    if node.whole then
        return keep(model, node, ask('SMEMBERS', node.head .. EVERY_LINK .. node.tail))
    end
    local ids = {}
    for _, id in ipairs(node.ids) do
        append(ids, ask('SMEMBERS', node.head .. id .. node.tail))
    end
    return ids
end
