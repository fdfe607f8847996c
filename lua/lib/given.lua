-- The kind `given` of lib/filters: ids that the caller has found before.

-- @include lib/filters
-- @include lib/listed

function SIZE.given(_, node)
    return #node.ids
end

function KEEP.given(_, node, ids)
    return those_listed(node, ids)
end

function COLLECT.given(_, node)
    return node.ids
end
