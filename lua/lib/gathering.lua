-- Gathering all matches at once.

-- @include lib/matches
-- @include lib/seen

local MOST_SETS = 1000  -- in one command
local IS_ONCE = {  -- has no id twice
    range = true, ids = true, between = true, unique = true, refer = true,
}

-- Let Redis intersect the parts that are sets, and probe the others.
local function gather_sets(search)
    local keys, known = {}, {}
    for _, part in ipairs(search.parts) do
        if part.kind == 'set' and #keys < MOST_SETS then
            keys[#keys + 1] = part.key
            known[part] = true
        end
    end
    return keep_all(search, ask('SINTER', unpack(keys)), known)
end

-- All matches, each once, in any order; the candidates are the ids of one part.
local function gather(search, driver)
    local part = search.parts[driver]
    note_looked(search, part.size)
    if part.kind == 'set' then
        return gather_sets(search)
    end
    local ids = COLLECT[part.kind](search.model, part)
    if not IS_ONCE[part.kind] then
        ids = not_seen(search, ids)
    end
    return keep_all(search, ids, {[part] = true})
end
