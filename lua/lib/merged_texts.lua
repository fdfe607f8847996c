-- The texts of all words, of which the rarest have similar words. See lib/ranking.

-- @include lib/merged_words
-- @include lib/weighing

-- All texts of a slot, each once, and the same as the keys of a table.
local function ids_of_slot(slot)
    local ids, has = {}, {}
    for _, group in ipairs(slot.groups) do
        for _, id in ipairs(ids_of_merged(group)) do
            if not has[id] then
                ids[#ids + 1], has[id] = id, true
            end
        end
    end
    return ids, has
end

-- True if the two rarest words have similar ones in all columns, so that no ZINTER finds the texts
-- that have both; and if these words have few texts.
local function are_merged(search, ranking)
    local slots = ranking.slots
    for rank = 1, 2 do
        for _, group in ipairs(slots[rank] and slots[rank].groups or {}) do
            if not group[2] then
                return false
            end
        end
    end
    return ranking.is_all and #slots > 1
        and slots[1].size <= 2 * search.small and slots[2].size <= 4 * search.small
end

-- Score all matches of such words, which are all among the texts of the rarest one.
local function weigh_merged(search, ranking)
    local slot = ranking.slots[1]
    local ids, has = ids_of_slot(slot)
    weigh(search, ranking, ids, {
        matched = {[ranking.node] = true}, sure = {[slot] = true}, lacking = {}, wanted = has,
    })
end
