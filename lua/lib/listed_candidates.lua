-- Candidates that are collected at once, where they are few: see lib/ranking.

local LISTED = 4000

-- Ids that all sets and sorted sets have, if each word of the search stands for itself.
local function intersection(search, ranking)
    local keys, matched = {}, {[ranking.node] = true}
    for _, slot in ipairs(ranking.slots) do
        if #slot.postings ~= 1 then
            return nil
        end
        keys[#keys + 1] = slot.postings[1].key
    end
    for _, part in ipairs(search.parts) do
        if part.kind == 'set' then
            keys[#keys + 1] = part.key
            matched[part] = true
        end
    end
    return #keys > 1 and #keys < 1000 and ask('ZINTER', #keys, unpack(keys)), matched
end

local function estimated(search, ranking)
    local share, span = 1, math.max(search.model.span, 1)
    for _, slot in ipairs(ranking.slots) do
        share = share * math.min(1, slot.size / span)
    end
    return share * span
end

-- The candidates, if they are few enough to be collected at once, and the filters that they match.
local function listed(search, ranking)
    local smallest = ranking.slots[1].size
    for _, part in ipairs(search.parts) do
        if part ~= ranking.node and part.collectable and part ~= search.model.unexpired
            and (part.kind == 'given' or part.size < math.min(smallest, LISTED)) then
            return COLLECT[part.kind](search.model, part), {[part] = true, [ranking.node] = true}
        end
    end
    if ranking.is_all and estimated(search, ranking) <= LISTED then
        local ids, matched = intersection(search, ranking)
        if ids and #ids <= 2 * LISTED then
            return ids, matched
        end
    end
end
