-- Joining words: the texts of several combinations, all found in one call. See lib/ranking.
--
-- Each combination is one ZINTER with packed numbers. A text is in several combinations if it has a
-- word in several columns. Its number in the first one gives its score so far. Another combination
-- that differs from the first one in a single group adds what that group gives. So nothing else is
-- read: no posting is looked up for a text.

-- @include lib/packed_words
-- @include lib/weighing

local MOST_KEYS = 1000        -- of one command
local MOST_JOINED = 16        -- combinations
local MOST_LOOKED_UP = 3000   -- postings of the rarest words of all combinations
local LOOK_UP, FOUND = 0.3, 3 -- effort of a posting that is looked up, and of a text that is found
local FEWEST_WEIGHED = 30     -- texts at once
local FEW_JOINED = 100        -- texts whose further words are looked up instead

-- The keys of the filters that are sets, and the filters that the texts in all of them match.
local function sets_of(search, ranking)
    local keys, matched = {}, {[ranking.node] = true}
    for _, part in ipairs(search.parts) do
        if part.kind == 'set' and #keys < MOST_KEYS then
            keys[#keys + 1], matched[part] = part.key, true
        end
    end
    return keys, matched
end

local function note_intersected(search, smallest, found)
    spend(LOOK_UP * smallest + FOUND * found)
    search.pace.looked = search.pace.looked + found
end

local function smallest_of(groups)
    local smallest = math.huge
    for _, group in ipairs(groups) do
        smallest = math.min(smallest, group.size)
    end
    return smallest
end

local function has_further(slots, lacking)
    for _, slot in ipairs(slots) do
        for _, group in ipairs(slot.groups) do
            if not lacking[group] then
                return true
            end
        end
    end
    return false
end

-- Score the texts in the reply of ZINTER, the best first, until no other can be among the best. The
-- texts may also have groups that are not in `known.lacking`, which are looked up; those add at most
-- `beyond`.
local function weigh_packed(search, ranking, packing, known, beyond)
    local keys, matched = sets_of(search, ranking)
    local flat = intersect_packed(packing, keys)
    local scores, texts_of, count = texts_by_score(packing, flat, ranking.seen)
    note_intersected(search, smallest_of(packing.groups), count)
    local best = ranking.best
    local some, some_scores, size = {}, {}, math.max(best.count, FEWEST_WEIGHED)
    local has_more = has_further(ranking.slots, known.lacking)
    local function weigh_some()
        known.scores = some_scores
        if has_more then
            some, some_scores = score_all(ranking, some, known)
        end
        admit(search, ranking, some, some_scores, matched)
        some, some_scores = {}, {}
    end
    for position = #scores, 1, -1 do
        local score = scores[position]
        if score + beyond < best.least - SLACK then
            break
        end
        for _, id in ipairs(texts_of[score]) do
            some[#some + 1], some_scores[#some_scores + 1] = id, score
        end
        if #some >= size then
            weigh_some()
        end
    end
    weigh_some()
end

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

local function texts_in(columns)
    local texts = 1
    for _, column in ipairs(columns) do
        texts = math.max(texts, column.texts)
    end
    return texts
end

-- The number of slots to join: as many as leave few texts, or make as many combinations as may be.
local function slots_to_join(ranking)
    local expected, combinations, texts = 1, 1, texts_in(ranking.columns)
    for position, slot in ipairs(ranking.slots) do
        expected = expected * math.min(1, slot.size / texts)
        combinations = combinations * #slot.groups
        if combinations > MOST_JOINED then
            return position - 1
        elseif combinations > 1 and position > 1 and expected * texts <= FEW_JOINED then
            return position
        end
    end
    return #ranking.slots
end

-- The packings of some choices, and their postings to look up; nil if these are too many, or the
-- numbers would be too large.
local function packings_of(ranking, choices, most)
    local packings, looked_up = {}, 0
    for _, chosen in ipairs(choices) do
        looked_up = looked_up + smallest_of(chosen)
        for _, group in ipairs(chosen) do
            if group[2] or looked_up > most then
                return nil
            end
        end
    end
    for place, chosen in ipairs(choices) do
        packings[place] = packing_of(chosen, ranking.columns)
        if not packings[place] then
            return nil
        end
    end
    return packings
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

-- Intersect each packing; return the texts, their scores, and in `place_of` their places.
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
    return ids, scores, place_of
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
    local slots, joined = ranking.slots, slots_to_join(ranking)
    local choices = choices_of(slots, joined)
    local packings = choices[2] and packings_of(ranking, choices, MOST_LOOKED_UP)
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
