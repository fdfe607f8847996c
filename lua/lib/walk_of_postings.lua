-- Walking along the postings of a word: see lib/ranking.
--
-- As soon as no later text of a frequency can be among the best, the rest of them is skipped.

-- @include lib/rank_bounds
-- @include lib/weighing

local LEAST, FEWEST, MOST = 16, 64, 500   -- postings of one step

-- Take one step along the postings of a word; return the rank to continue at, nil at the end.
local function step_along(search, ranking, course, rank, size)
    local best, driver = ranking.best, course.driver
    local posting = driver[1]
    local flat = ask('ZREVRANGE', posting.key, rank, rank + size - 1, 'WITHSCORES')
    local count = #flat / 2
    if count == 0 then
        return nil
    end
    local function is_hopeless(packed)
        local tf, length = unpack_posting(tonumber(packed))
        local own = worth_of(driver, tf * posting.closeness, length)
        local bound = bound_of(ranking.slots, course.settled, driver, own, length)
        course.skips = course.skips or bound < best.least - SLACK
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
    course.id, course.packed = ids[count], packed[count]
    weigh(search, ranking, ids, course.known, driver, packed)
    if count < size then
        return nil
    end
    return best.least > 0 and is_hopeless(course.packed) or rank + count
end

-- The rank behind a posting of an earlier call. If it has changed, those as good as it come again.
local function rank_behind(posting, id, packed)
    if ask('ZSCORE', posting.key, id) == packed then
        return ask('ZREVRANK', posting.key, id) + 1
    end
    return ask('ZCOUNT', posting.key, '(' .. packed, '+inf')
end

-- Walk along a word; return the posting to continue behind, nil at the end. Note in `walked` that
-- all of its texts were scored. The course has `driver`, the group of the word; `settled`; and
-- `lacking`, the settled groups that are not looked up.
local function walk_postings(search, ranking, course, position)
    local driver = course.driver
    local fewest = math.max(math.min(ranking.best.count, FEWEST), LEAST)
    local rank = position and rank_behind(driver[1], position.id, position.packed) or 0
    local size = fewest
    course.skips = position and position.skips
    course.known = {
        matched = {[ranking.node] = true}, sure = {[driver.slot] = true}, lacking = course.lacking,
    }
    while rank do
        if course.id and has_ranked_enough(search) then
            return {id = course.id, packed = course.packed, skips = course.skips}
        end
        local following = step_along(search, ranking, course, rank, size)
        size = following == rank + size and math.min(2 * size, MOST) or fewest
        rank = following
    end
    ranking.walked[driver.name] = not course.skips or nil
end
