-- Combinations of groups: see lib/ranking.
--
-- If a match has all words, it has each of them in one of the columns. So it is in at least one
-- combination: a group of each of the first slots. Combinations come in an order in which no later
-- one has an earlier group in every slot. So when one is reached, its texts that are left have only
-- the chosen groups and those behind them, and can score less and less.
--
-- If a match may have any of the words, a group alone makes a combination.
--
-- A combination is {number, chosen, settled}: `chosen` has its groups, one of each slot, and
-- `settled` the groups that none of the texts that are left has.

local function add_settled(settled, groups, last)
    for place = 1, last do
        settled[groups[place]] = true
    end
end

-- The combination that chooses a group of each slot by its place. The number follows from the
-- columns, so that it stays the same while words lose and get postings.
local function combine(ranking, places)
    local made = {number = 0, chosen = {}, settled = {}}
    for position, place in ipairs(places) do
        local slot = ranking.slots[position]
        made.chosen[position] = slot.groups[place]
        add_settled(made.settled, slot.groups, place - 1)
        local rank = ranking.rank_of[slot.groups[place].column]
        made.number = made.number * #ranking.order + rank - 1
    end
    return made
end

local function combinations_of_all(ranking)
    local combinations, places = {}, {}
    for position = 1, ranking.combined do
        places[position] = 1
    end
    while true do
        combinations[#combinations + 1] = combine(ranking, places)
        local position = ranking.combined
        while position > 0 and places[position] == #ranking.slots[position].groups do
            places[position], position = 1, position - 1
        end
        if position == 0 then
            return combinations
        end
        places[position] = places[position] + 1
    end
end

local function combinations_of_any(ranking)
    local combinations, earlier = {}, {}
    for position, slot in ipairs(ranking.slots) do
        for place, group in ipairs(slot.groups) do
            local made = {
                number = position * #ranking.order + ranking.rank_of[group.column],
                chosen = {group}, settled = {},
            }
            for _, other in ipairs(earlier) do
                add_settled(made.settled, other.groups, #other.groups)
            end
            add_settled(made.settled, slot.groups, place - 1)
            combinations[#combinations + 1] = made
        end
        earlier[#earlier + 1] = slot
    end
    return combinations
end
