-- Walking the postings of all words in turn, the best first: see lib/ranking and lib/word_runs.
--
-- A text is looked up in the postings of the other words when it is met, until the rest cannot lift
-- it to the lowest score that is kept. So its score is complete, and a later call may meet it
-- again. In the position of a call, `reached` has the last posting that was read of each frequency,
-- by the names of the groups, and `singles`, the columns whose pairs were scored.
--
-- If few texts have two of the words in a column, these are scored first (lib/packed_texts). The
-- other texts have a single word there. So it gives as much as the best of its words, and not the
-- sum.

-- @include lib/word_runs
-- @include lib/listed_texts

local MOST_READ_AT_ONCE = 512  -- postings of a run
local MOST_WITH_TWO = 4 / 3    -- texts with two words of a column, of the ids of a small filter

-- True if so many texts have two of the words, or all of them, that these are not intersected. To
-- find all words in several columns, combinations bound the scores better.
local function are_common(search, ranking)
    local slots, texts = ranking.slots, texts_in(ranking.columns)
    local expected = texts
    for place = 1, ranking.is_all and #slots or math.min(#slots, 2) do
        expected = expected * math.min(1, slots[place].size / texts)
    end
    return #slots > (ranking.columns[2] and (ranking.is_all and math.huge or 2) or 1)
        and expected > search.small / 2
end

-- The next postings of a run, without the texts that were met: lists of ids, scores, lengths.
local function read_run(group, run, met)
    local last = math.min(run.rank + run.size - 1, run.last)
    local flat = ask('ZREVRANGE', group[1].key, run.rank, last, 'WITHSCORES')
    local ids, scores, lengths, count = {}, {}, {}, 0
    run.rank, run.size = last + 1, math.min(2 * run.size, MOST_READ_AT_ONCE)
    for place = 1, #flat, 2 do
        local id = flat[place]
        if not met[id] then
            local _, length = unpack_posting(tonumber(flat[place + 1]))
            met[id], count = true, count + 1
            ids[count], lengths[count] = id, length
            scores[count] = worth_of(group, run.tf, length)
        end
    end
    if flat[2] then
        run.id, run.packed = flat[#flat - 1], flat[#flat]
        run.length = select(2, unpack_posting(tonumber(run.packed)))
    end
    spend(#flat / 2)
    return {ids = ids, scores = scores, lengths = lengths, read = #flat / 2}
end

-- The groups of a column to look texts up in: those that remove most of the texts first.
local function others_of(column, driver, is_all)
    local others = {}
    for _, group in ipairs(column) do
        if group ~= driver then
            others[#others + 1] = {group = group, peak = peak_of(group), column = column}
        end
    end
    table.sort(others, function(a, b)
        if is_all then
            return a.group.size < b.group.size
        end
        return a.peak > b.peak
    end)
    return others
end

-- The groups to look texts up in, those of their own column first. Each is {group, peak, column,
-- beyond}: `beyond` is the most that the columns behind its own can add.
local function groups_to_look_up(ranking, columns, driver, own)
    local list, beyond = {}, 0
    -- A text with two words of such a column was scored, unless it came before the mark: then the
    -- part of its score that is known here could be behind the mark.
    if ranking.mark or not own.is_single then
        list = others_of(own, driver, ranking.is_all)
    end
    for _, column in ipairs(columns) do
        if column ~= own then
            append(list, others_of(column, driver, ranking.is_all))
        end
    end
    for place = #list, 1, -1 do
        local one, following = list[place], list[place + 1]
        if following and following.column ~= one.column then
            beyond = beyond + following.column.bound
        end
        one.beyond = beyond
    end
    return list
end

-- The most that the groups behind a place of the list can add to a text of this length.
local function rest_behind(list, place, own, length)
    local rest, column = list[place].beyond, list[place].column
    for behind = place + 1, #list do
        local one = list[behind]
        if one.column ~= column then
            break
        end
        rest = rest + (column == own and potential(one.group, length) or one.peak)
    end
    return rest
end

-- Keep the texts that a group and those behind it can lift to the best, if they may still match.
local function narrow_met(found, has, least, rest_of, is_wanted)
    local ids, scores, lengths, count = {}, {}, {}, 0
    for place, id in ipairs(found.ids) do
        local score, length = found.scores[place], found.lengths[place]
        if is_wanted(has[place], id) and score + rest_of[length] >= least then
            count = count + 1
            ids[count], scores[count], lengths[count] = id, score, length
        end
    end
    found.ids, found.scores, found.lengths = ids, scores, lengths
end

-- For the texts of all words: a function that tells whether a text may have the word of a group,
-- which it has, or which is looked up in further columns.
local function may_match(ranking, driver)
    local left, had = {}, {}
    return function(group)
        local slot = group.slot
        left[slot] = (left[slot] or #slot.groups) - 1
        had[slot] = had[slot] or {}
        local is_sure = not ranking.is_all or slot == driver.slot or left[slot] > 0
        local has_it = had[slot]
        return function(has, id)
            has_it[id] = has_it[id] or has
            return is_sure or has_it[id]
        end
    end
end

-- Look up texts that were met in all other groups, and add them to the best.
local function look_up_met(search, ranking, columns, driver, own, found)
    local list = groups_to_look_up(ranking, columns, driver, own)
    local least, tell_match = ranking.best.least - SLACK, may_match(ranking, driver)
    for place, one in ipairs(list) do
        if #found.ids == 0 then
            return
        end
        local has = {}
        add_word(one.group, found.ids, found.scores, has)
        local rest_of = setmetatable({}, {__index = function(known, length)
            known[length] = rest_behind(list, place, own, length)
            return known[length]
        end})
        narrow_met(found, has, least, rest_of, tell_match(one.group))
    end
    admit(search, ranking, found.ids, found.scores, {[ranking.node] = true})
end

-- The number of texts that have two words of a column, as if these were independent of each other.
local function texts_with_two(column, texts)
    local expected = 0
    for place, group in ipairs(column) do
        for before = 1, place - 1 do
            expected = expected + group.size * column[before].size / texts
        end
    end
    return expected
end

-- Score the texts that have two words of a column; return whether all of them were scored. If a
-- text also has a word that comes before, it was scored with that.
local function weigh_with_two(search, ranking, column)
    for place, group in ipairs(column) do
        for before = 1, place - 1 do
            local settled = {}
            for earlier = 1, place - 1 do
                settled[column[earlier]] = earlier ~= before or nil
            end
            local chosen, lacking = {column[before], group}, not_had(ranking, settled)
            if not weigh_all_packed(search, ranking, chosen, settled, lacking) then
                return false
            end
        end
    end
    return true
end

local function settle_pairs(search, ranking, columns)
    for _, column in ipairs(columns) do
        if texts_with_two(column, texts_in(ranking.columns)) <= MOST_WITH_TWO * search.small then
            column.is_single = weigh_with_two(search, ranking, column)
        end
    end
end

-- Read the runs that can give most to a text of the length that can score most.
local function meet_some(search, ranking, columns, met, column)
    local length = column.length
    for _, group in ipairs(column) do
        local run = best_run(group, length)
        if run then
            local found = read_run(group, run, met)
            search.pace.looked = search.pace.looked + #found.ids
            column.read = column.read + found.read
            look_up_met(search, ranking, columns, group, column, found)
        end
    end
end

-- Score texts until no other can be among the best. Return whether the words are common enough for
-- that, and the place to continue at, nil at the end.
local function weigh_in_turn(search, ranking, reached)
    if not (reached or are_common(search, ranking)) then
        return false
    end
    local columns, met, best = open_columns(ranking, reached or {}), {}, ranking.best
    if not columns then
        return false
    elseif not (reached or ranking.is_all) then
        settle_pairs(search, ranking, columns)
    end
    while true do
        local bound, steepest = bound_all(columns)
        if bound == 0 or bound < best.least - SLACK then
            return true
        elseif has_ranked_enough(search) then
            return true, {reached = written_reached(columns)}
        end
        meet_some(search, ranking, columns, met, steepest)
    end
end
