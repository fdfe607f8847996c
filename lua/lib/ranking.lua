-- Ranking: the best matches of the filter `words`, by the sum of what each of its words adds to the
-- score of a text: see lib/bm25. Matches with equal scores are in the order of their ids.
--
-- Few candidates are all scored. Otherwise the postings of the rarest word are walked; if a match
-- may have any of the words, then also those of the next ones.
--
-- Request: rank = {id, score}: only matches behind these; or true

-- @include lib/weighing
-- @include lib/walk_of_postings
-- @include lib/listed_candidates

local MOST_RANKED = 10000  -- results that one call keeps
local TOGETHER = 1000      -- candidates that are scored together

local function words_node(search)
    for _, part in ipairs(search.parts) do
        if part.slots then
            return part
        end
    end
end

local function open_ranking(search, position)
    local node = words_node(search)
    local columns, slots = {}, {}
    for place, column in ipairs(node.columns) do
        columns[place] = open_column(column)
    end
    for place, slot in ipairs(node.slots) do
        slots[place] = slot
    end
    table.sort(slots, function(a, b) return a.size < b.size end)
    for _, slot in ipairs(slots) do
        slot.groups = groups_of(slot, columns)
    end
    local count = math.max(math.min(search.skip + (search.need or MOST_RANKED), MOST_RANKED), 1)
    local mark = position.mark or type(search.rank) == 'table' and search.rank
    return {
        node = node, slots = slots, is_all = node.match == 'all',
        best = new_best(count, position.best),
        mark = mark and {mark[1], tonumber(mark[2])},
    }
end

local function written(best)
    local list = {}
    for _, one in ipairs(best) do
        list[#list + 1] = string.format('%.17g', one[1])
        list[#list + 1] = one[2]
    end
    return list
end

-- Pour the best into the sink; return the position behind them, if there may be more.
local function hand_out(search, best)
    settle_best(best)
    local ids, last = {}, best[#best]
    for place, one in ipairs(best) do
        ids[place] = one[2]
    end
    pour(search.sink, ids)
    search.ranked = cmsgpack.pack(written(best))
    if #best == best.count and best.count == MOST_RANKED then
        return {mode = 'rank', mark = {last[2], string.format('%.17g', last[1])}}
    end
end

-- Find the best matches; return the position to continue at, nil at the end.
local function rank_matches(search, position)
    local ranking = open_ranking(search, position)
    local best = ranking.best
    search.sink = new_sink({skip = search.skip, need = search.need})
    local candidates, matched
    if not position.slot then
        candidates, matched = listed(search, ranking)
    end
    if candidates then
        for first = 1, #candidates, TOGETHER do
            local some = {unpack(candidates, first, math.min(first + TOGETHER - 1, #candidates))}
            weigh(search, ranking, some, matched)
        end
        return hand_out(search, best)
    end
    settle_best(best)
    local start = position.slot and position or {slot = 1, group = 1, rank = 0}
    local following = walk_postings(search, ranking, start)
    if following then
        settle_best(best)
        following.mode, following.best, following.mark = 'rank', written(best), position.mark
        return following
    end
    return hand_out(search, best)
end
