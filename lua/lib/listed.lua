-- Lists of ids in filters, as sets.

-- @include lib/lists

-- Those of some ids that are in a node's list.
local function those_listed(node, ids)
    if not node.listed then
        node.listed = {}
        for _, id in ipairs(node.ids) do
            node.listed[id] = true
        end
    end
    return those(ids, function(id) return node.listed[id] end)
end
