-- Walking along the postings of words: see lib/ranking.
--
-- As soon as no later text of a frequency can be among the best, the rest of them is skipped.

-- @include lib/weighing

local MOST_EFFORT = 9000   -- as in lib/filters: some 15 milliseconds
local LEAST, FEWEST, MOST = 16, 64, 500   -- postings of one step
local SLACK = 4 / GRAIN    -- rounding of a bound

-- The rank of the first posting with a lower frequency.
local function rank_below(posting, tf)
    return ask('ZCOUNT', posting.key, string.format('%.0f', tf * LENGTHS), '+inf')
end

-- Take one step along the texts of merged postings, which are in no order.
local function step_along_merged(search, ranking, driver, settled, rank, size)
    local best = ranking.best
    if bound_of(ranking.slots, driver, driver.best, 0, settled) < best.least - SLACK then
        return nil
    end
    local stop = math.min(rank + size, #driver.ids)
    weigh(search, ranking, {unpack(driver.ids, rank + 1, stop)}, {[ranking.node] = true})
    settle_best(best)
    return stop < #driver.ids and stop or nil
end

-- Take one step along the postings of a word; return the rank to continue at, nil at the end.
local function step_along(search, ranking, driver, settled, rank, size)
    local best, posting = ranking.best, driver[1]
    local flat = ask('ZREVRANGE', posting.key, rank, rank + size - 1, 'WITHSCORES')
    local count = #flat / 2
    if count == 0 then
        return nil
    end
    local function is_hopeless(packed)
        local tf, length = unpack_posting(tonumber(packed))
        local own = worth_of(driver, tf * posting.closeness, length)
        local bound = bound_of(ranking.slots, driver, own, length, settled)
        return bound < best.least - SLACK and rank_below(posting, tf)
    end
    local below = best.least > 0 and is_hopeless(flat[2])
    if below then
        return below
    end
    local ids, packed = {}, {}
    for place = 1, count do
        ids[place], packed[place] = flat[2 * place - 1], flat[2 * place]
    end
    weigh(search, ranking, ids, {[ranking.node] = true}, driver, packed)
    settle_best(best)
    if count < size then
        return nil
    end
    return best.least > 0 and is_hopeless(packed[count]) or rank + count
end

-- Walk along the groups of one slot after the other; return where to continue, nil at the end.
local function walk_postings(search, ranking, position)
    local settled = {}
    for place, slot in ipairs(ranking.is_all and {ranking.slots[1]} or ranking.slots) do
        for number, driver in ipairs(slot.groups) do
            local is_done = place < position.slot
                or place == position.slot and number < position.group
            local is_here = place == position.slot and number == position.group
            local fewest = math.max(math.min(ranking.best.count, FEWEST), LEAST)
            local rank, size = not is_done and (is_here and position.rank or 0) or nil, fewest
            local step = driver.ids and step_along_merged or step_along
            while rank do
                if EFFORT.spent >= MOST_EFFORT then
                    return {slot = place, group = number, rank = rank}
                end
                local following = step(search, ranking, driver, settled, rank, size)
                size = following == rank + size and math.min(2 * size, MOST) or fewest
                rank = following
            end
        end
        settled[slot] = not ranking.is_all or nil
    end
end
