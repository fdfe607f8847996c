-- Which way the ids go where nothing else tells matches apart: see lib/groups.

-- Whether downwards: as was asked; else, as `otherwise` says.
local function is_downwards(search, otherwise)
    if search.direction then
        return search.direction == 'down'
    end
    return otherwise
end
