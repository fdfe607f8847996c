-- Looking at combinations one after the other. See lib/ranking.

-- @include lib/walk_of_postings
-- @include lib/combinations
-- @include lib/paired_words

local function is_walked(ranking, combination)
    for _, group in ipairs(combination.chosen) do
        if ranking.walked[group.name] then
            return true
        end
    end
end

-- Look at what is left of a combination; return where to continue in it, nil at the end.
local function look_at(search, ranking, combination, position)
    local slots, best, settled = ranking.slots, ranking.best, combination.settled
    if is_walked(ranking, combination)
        or best.least > 0 and bound_of(slots, settled) < best.least - SLACK then
        return nil
    elseif is_listed(search, ranking, combination) then
        local last = weigh_combination(search, ranking, combination, position and position.id)
        return last and {id = last}
    end
    local driver = smallest_group(combination)
    local lacking = not_had(ranking, settled_for(ranking, combination, function(group)
        return group == driver
    end))
    if not (ranking.is_all or position) then
        weigh_pairs(search, ranking, driver, settled, lacking)
    end
    return walk_postings(search, ranking, {
        driver = driver, settled = settled, lacking = lacking,
    }, position)
end

-- Look at the combinations from a position on; return where to continue, nil at the end.
local function look_at_all(search, ranking, position)
    local list = ranking.is_all and combinations_of_all or combinations_of_any
    local start, is_first = position.number or 0, true
    for _, combination in ipairs(list(ranking)) do
        local number = combination.number
        local following
        if number >= start and not is_first and has_ranked_enough(search) then
            following = {}
        elseif number >= start then
            local here = number == start and position.id and position
            following, is_first = look_at(search, ranking, combination, here), false
        end
        if following then
            following.number = number
            return following
        end
    end
end
