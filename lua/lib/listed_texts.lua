-- The texts of a combination, collected at once and scored. See lib/ranking.

-- @include lib/packed_texts

local MOST_FOUND_BY = 12  -- words, to each of which a smaller group is compared

local function smallest_group(combination)
    local smallest = combination.chosen[1]
    for _, group in ipairs(combination.chosen) do
        smallest = group.size < smallest.size and group or smallest
    end
    return smallest
end

-- True if the texts are collected at once. Those of merged words always are: see lib/similar_words.
local function is_listed(search, ranking, combination)
    local chosen = combination.chosen
    return #smallest_group(combination) > 1
        or ranking.is_all and #ranking.slots > 1 and are_few(search, ranking, chosen)
end

-- The settled groups that need not be looked up. In the call that looked at the texts with these,
-- the other texts do not have them, and those with them score too little to count again. But a text
-- that comes before the mark could count as one that scores less, behind it.
local function not_had(ranking, settled)
    return ranking.is_fresh and settled or {}
end

-- Those settled groups of a combination that no text has which is found by some of its groups. A
-- settled group was scored together with the chosen groups before it. So a text that lacks one of
-- these may still have it.
local function settled_for(ranking, combination, is_sure)
    if not ranking.is_all then
        return combination.settled
    end
    local settled = {}
    for position, group in ipairs(combination.chosen) do
        for _, other in ipairs(ranking.slots[position].groups) do
            if other == group then
                break
            end
            settled[other] = true
        end
        if not is_sure(group) then
            break
        end
    end
    return settled
end

-- The keys that all texts of a combination are in, but those of merged words; and the filters that
-- these texts match.
local function keys_of(search, ranking, combination)
    local keys, matched = sets_of(search, ranking)
    for _, group in ipairs(combination.chosen) do
        keys[#keys + 1] = #group == 1 and group[1].key or nil
    end
    return keys, matched
end

-- The ids that are in all of the keys and, if there is `merged`, have one of its words; each once.
local function ids_of(merged, keys)
    if not merged then
        return #keys > 1 and ask('ZINTER', #keys, unpack(keys)) or ask('ZRANGE', keys[1], 0, -1)
    elseif #keys == 0 then
        return ids_of_merged(merged)
    end
    local ids, has = {}, {}
    for _, posting in ipairs(merged) do
        for _, id in ipairs(ask('ZINTER', #keys + 1, posting.key, unpack(keys))) do
            if not has[id] then
                ids[#ids + 1], has[id] = id, true
            end
        end
    end
    return ids
end

-- The merged group of a combination by whose words its texts are found; nil without any. If another
-- group is smaller, each word has to be looked up for all of that.
local function merged_to_find(chosen, smallest)
    local found = smallest[2] and smallest
    for _, group in ipairs(not found and chosen or {}) do
        if group[2] and #group <= MOST_FOUND_BY and not (found and #found <= #group) then
            found = group
        end
    end
    return found
end

-- The slots that all the texts have.
local function sure_slots(chosen, merged)
    local sure = {}
    for _, group in ipairs(chosen) do
        sure[group.slot] = #group == 1 or group == merged
    end
    return sure
end

local function not_scored(ranking, ids)
    local seen = ranking.seen
    ids = those(ids, function(id) return not seen[id] end)
    for _, id in ipairs(ids) do
        seen[id] = true
    end
    return ids
end

-- Score all texts of a combination; return the id to continue behind, nil at the end. While all
-- texts of the earlier combinations were scored in this call, the others lack the settled groups.
local function weigh_combination(search, ranking, combination, after)
    local chosen, first = combination.chosen, smallest_group(combination)
    local settled = combination.settled
    if not after and chosen[2]
        and weigh_all_packed(search, ranking, chosen, settled, not_had(ranking, settled)) then
        return nil
    end
    local keys, matched = keys_of(search, ranking, combination)
    spend(first.size * #keys / 2)
    local merged = merged_to_find(chosen, first)
    local ids = ids_of(merged, keys)
    if ranking.is_fresh then
        ids = not_scored(ranking, ids)
    end
    local lacking = not_had(ranking, settled_for(ranking, combination, function(group)
        return #group == 1 or group == merged
    end))
    local known = {matched = matched, sure = sure_slots(chosen, merged), lacking = lacking}
    return weigh_ids(search, ranking, ids, known, after)
end
