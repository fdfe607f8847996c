-- Pairs of groups, where any of the words suffice. See lib/ranking.
--
-- Most of the best texts have several of the words. Once those are scored, the texts that are left
-- have one group, so the best of them are the first of its postings.

-- @include lib/listed_texts

local MOST_PAIRED = 12000  -- effort of the pairs of a group

-- The groups to pair a group with: those in the fewest texts, as far as the effort allows.
local function groups_to_pair(search, ranking, group, settled)
    local others, texts, effort = {}, texts_in(ranking.columns), 0
    for _, slot in ipairs(ranking.slots) do
        for _, other in ipairs(slot.groups) do
            local is_new = other ~= group and not settled[other]
            if is_new and are_few(search, ranking, {group, other}) then
                others[#others + 1] = other
            end
        end
    end
    table.sort(others, function(a, b) return a.size < b.size end)
    for place, other in ipairs(others) do
        effort = effort + LOOK_UP * math.min(group.size, other.size)
            + FOUND * group.size * other.size / texts
        others[place] = effort <= MOST_PAIRED and other or nil
    end
    return others
end

-- Where any of the words suffice: score the texts that have a group and another one, and add the
-- other one to `settled`, so that most of the texts that are left have no other group.
local function weigh_pairs(search, ranking, group, settled, lacking)
    local best = ranking.best
    for _, other in ipairs(groups_to_pair(search, ranking, group, settled)) do
        if best.least > 0 and bound_of(ranking.slots, settled) < best.least - SLACK then
            return
        elseif weigh_all_packed(search, ranking, {group, other}, settled, lacking) then
            settled[other] = true
        end
    end
end
