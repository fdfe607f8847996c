-- The direction of the ids of matches that are equal in all orders: see lib/groups.

-- Tell whether the ids go downwards: as the request says, else as `otherwise` says.
local function is_downwards(search, otherwise)
    if search.direction then
        return search.direction == 'down'
    end
    return otherwise
end
