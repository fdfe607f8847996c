-- The kind `given` of lib/filters: ids that the caller has found before.

-- @include lib/filters
-- @include lib/lists

function SIZE.given(_, node)
    return #node.ids
end

function KEEP.given(_, node, ids)
    if not node.known then
        node.known = {}
        for _, id in ipairs(node.ids) do
            node.known[id] = true
        end
    end
    return those(ids, function(id) return node.known[id] end)
end

function COLLECT.given(_, node)
    return node.ids
end
