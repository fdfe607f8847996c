-- Joining words: the texts of several combinations, all found in one call. See lib/ranking.
--
-- Each combination is one ZINTER with packed numbers. A text is in several combinations if it has a
-- word in several columns. Its number in the first one gives its score so far. Another combination
-- that differs from the first one in a single group adds what that group gives. So nothing else is
-- read: no posting is looked up for a text.

-- @include lib/packed_texts

local MOST_LOOKED_UP = 3000  -- postings of the rarest words of all combinations

-- All choices of a group of each of the first slots.
local function choices_of(slots, count)
    local choices = {{}}
    for position = 1, count do
        local longer = {}
        for _, chosen in ipairs(choices) do
            for _, group in ipairs(slots[position].groups) do
                local made = {unpack(chosen)}
                made[position] = group
                longer[#longer + 1] = made
            end
        end
        choices = longer
    end
    return choices
end

-- The single group of a choice that another one lacks; nil if there are several.
local function addition(chosen, first)
    local found
    for position, group in ipairs(chosen) do
        if group ~= first[position] then
            if found then
                return nil
            end
            found = group
        end
    end
    return found
end

-- Intersect each packing; return the texts and their scores.
local function join(search, choices, packings, keys)
    local ids, scores, place_of, chosen_of = {}, {}, {}, {}
    for position, packing in ipairs(packings) do
        local chosen, added = choices[position], {}
        local flat = intersect_packed(packing, keys)
        note_intersected(search, smallest_of(chosen), #flat / 2)
        for at = 1, #flat, 2 do
            local id, packed = flat[at], flat[at + 1]
            local place = place_of[id]
            if not place then
                place = #ids + 1
                ids[place], place_of[id], chosen_of[place] = id, place, chosen
                scores[place] = score_of_packed(packing, packed)
            else
                local first = chosen_of[place]
                if added[first] == nil then
                    added[first] = addition(chosen, first) or false
                end
                if added[first] then
                    scores[place] = scores[place] + score_of_packed(packing, packed, added[first])
                end
            end
        end
    end
    return ids, scores
end

-- The groups of the first slots, and what of them the texts that were joined have and lack.
local function known_of(slots, joined)
    local known = {sure = {}, lacking = {}}
    for position = 1, joined do
        known.sure[slots[position]] = true
        for _, group in ipairs(slots[position].groups) do
            known.lacking[group] = true
        end
    end
    return known
end

-- Score all matches of all words; return false if they may be too many.
local function join_all(search, ranking)
    local slots, joined = ranking.slots, ranking.combined
    local choices, looked_up = choices_of(slots, joined), 0
    if not choices[2] then
        return joined > 1 and are_few(search, ranking, choices[1])
            and weigh_all_packed(search, ranking, choices[1], {}, {})
    end
    for _, chosen in ipairs(choices) do
        looked_up = looked_up + smallest_of(chosen)
    end
    local packings = looked_up <= MOST_LOOKED_UP and packings_of(ranking, choices)
    if not packings then
        return false
    end
    local keys, matched = sets_of(search, ranking)
    local ids, scores = join(search, choices, packings, keys)
    if joined < #slots then
        local known = known_of(slots, joined)
        known.scores = scores
        ids, scores = score_all(ranking, ids, known)
    end
    admit_best(search, ranking, ids, scores, matched)
    return true
end
