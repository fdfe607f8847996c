-- The texts that have some groups of one word each: found by one ZINTER, and scored by their packed
-- numbers. See lib/ranking.

-- @include lib/packed_words
-- @include lib/weighing

local MOST_KEYS = 1000         -- of one command
local LOOK_UP, FOUND = 0.3, 3  -- effort of a posting that is looked up, and of a text that is found
local FEWEST_WEIGHED = 30      -- texts at once

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

local function may_have_further(slots, lacking)
    for _, slot in ipairs(slots) do
        for _, group in ipairs(slot.groups) do
            if not lacking[group] then
                return true
            end
        end
    end
    return false
end

-- True if the texts are few enough to be collected at once, by the sizes of the groups as if these
-- were independent of each other.
local function are_few(search, ranking, chosen)
    local smallest, texts = smallest_of(chosen), texts_in(ranking.columns)
    local expected = texts
    for _, group in ipairs(chosen) do
        expected = expected * (#group == 1 and math.min(1, group.size / texts) or 1)
    end
    return smallest <= 4 * search.small and expected <= search.small / 2
end

-- Score the texts of a packing, the best first, until no other can be among the best. The texts may
-- also have groups that are not in `known.lacking`, which are looked up and add at most `beyond`.
local function weigh_packed(search, ranking, packing, known, beyond)
    local keys, matched = sets_of(search, ranking)
    local flat = intersect_packed(packing, keys)
    local scores, texts_of, count = texts_by_score(packing, flat, ranking.seen)
    note_intersected(search, smallest_of(packing.groups), count)
    local best, has_further = ranking.best, may_have_further(ranking.slots, known.lacking)
    local some, some_scores, size = {}, {}, math.max(best.count, FEWEST_WEIGHED)
    local function weigh_some()
        known.scores = some_scores
        if has_further then
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

-- The packings of some choices of groups; nil if a group has several words, or numbers would be too
-- large.
local function packings_of(ranking, choices)
    local packings = {}
    for place, chosen in ipairs(choices) do
        for _, group in ipairs(chosen) do
            if group[2] then
                return nil
            end
        end
        packings[place] = packing_of(chosen, ranking.columns)
        if not packings[place] then
            return nil
        end
    end
    return packings
end

-- Score the texts of some groups by their packed numbers; return false if these are too large. The
-- texts that are left have none of the `settled` groups; and those in `lacking` are not looked up.
local function weigh_all_packed(search, ranking, chosen, settled, lacking)
    local packings = packings_of(ranking, {chosen})
    if packings then
        local known, no_more = {sure = {}, lacking = {}}, {}
        for group in pairs(lacking) do
            known.lacking[group] = true
        end
        for group in pairs(settled) do
            no_more[group] = true
        end
        for _, group in ipairs(chosen) do
            known.sure[group.slot], known.lacking[group], no_more[group] = true, true, true
        end
        weigh_packed(search, ranking, packings[1], known, bound_of(ranking.slots, no_more))
    end
    return packings
end
