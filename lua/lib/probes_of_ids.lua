-- Probing filters by ids: see lib/by_ids.

-- @include lib/listed
-- @include lib/lists
-- @include lib/numbers

-- An id of the list need not exist, so KEEP.all checks that.
function KEEP.ids(model, node, ids)
    return KEEP.all(model, nil, those_listed(node, ids))
end

KEEP.unique = KEEP.ids

local function is_between(node, id)
    if #id <= EXACT_DIGITS then
        local number = tonumber(id)
        return number >= node.lowest and number <= node.highest
    end
    return compare_integers(id, node.low) >= 0
        and not (node.high and compare_integers(id, node.high) > 0)
end

function KEEP.between(model, node, ids)
    return KEEP.all(model, nil, those(ids, function(id) return is_between(node, id) end))
end
