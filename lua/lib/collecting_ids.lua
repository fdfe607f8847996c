-- Collecting the ids of filters by ids: see lib/by_ids.

-- @include lib/ids
-- @include lib/lists

local WINDOW = 8192  -- ids looked at together

function COLLECT.ids(model, node)
    return those(node.ids, function(id) return redis.call('EXISTS', model.head .. id) == 1 end)
end

COLLECT.unique = COLLECT.ids

function COLLECT.between(model, node)
    local ids, looked = {}, node.size > 0 and node.lowest - 1
    while looked and looked < node.highest do
        local some
        some, looked = ids_above(model, looked, WINDOW)
        append(ids, keep(model, node, some))
    end
    return ids
end
