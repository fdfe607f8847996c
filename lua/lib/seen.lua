-- The ids that a search has found already.

local function not_seen(search, ids)
    local seen, new = search.seen, {}
    for _, id in ipairs(ids) do
        if not seen[id] then
            seen[id] = true
            new[#new + 1] = id
        end
    end
    return new
end
