-- Ranking: the best matches of the filter `words`, by the sum of what each of its words adds to the
-- score of a text: see lib/bm25. Matches with equal scores are in the order of their ids.
--
-- If another filter has few ids, they are all scored. Otherwise, combinations of words are looked
-- at one after the other, those that can score most first: see lib/combinations. One whose texts
-- cannot be among the best is left out. The texts of one are collected at once if they are few, or
-- found along the postings of its rarest word. Combinations with few texts are joined. If many
-- texts have two of the words, the postings of all words are walked in turn.
--
-- Request: rank = {id, score}: only matches behind these; or true
--
-- The position of a call has `best` and `mark`; `slots`, `columns` and `combined`, the order of the
-- combinations, which must not change between calls; `meant`, the similar words; `number`, the
-- combination to continue at, or `part`, the place of the other filter; the last `id` in it, for a
-- walk with its `packed` score; `walked`, the names of groups of which every text was scored; and
-- `reached` instead of a number, for lib/words_in_turn.

-- @include lib/rank_order
-- @include lib/joined_words
-- @include lib/merged_texts

local MOST_RANKED = 10000  -- results that one call keeps
local MOST_IN_TURNS = 200  -- results for which the postings of all words are walked in turn

local function words_node(search)
    for _, part in ipairs(search.parts) do
        if part.slots then
            return part
        end
    end
end

-- The power of two next to the greatest weight of a column. Scores are computed as if the weights
-- were divided by it, because they are rounded to a grain, whatever the weights are.
local function scale_of(columns)
    local greatest = 0
    for _, column in ipairs(columns) do
        greatest = math.max(greatest, column[2])
    end
    local _, exponent = math.frexp(greatest)
    return 2 ^ (exponent - 1)
end

local function open_ranking(search, position)
    local node = words_node(search)
    local columns, scale = {}, scale_of(node.columns)
    for place, column in ipairs(node.columns) do
        columns[place] = open_column(column, scale)
    end
    local count = math.max(math.min(search.skip + (search.need or MOST_RANKED), MOST_RANKED), 1)
    local mark = position.mark or type(search.rank) == 'table' and search.rank
    local ranking = {
        node = node, columns = columns, scale = scale, is_all = node.match == 'all',
        best = new_best(count, position.best),
        mark = mark and {mark[1], tonumber(mark[2]) / (position.mark and 1 or scale)},
        walked = position.walked or {}, seen = {}, is_fresh = not (position.number or mark),
    }
    set_order(ranking, position)
    ranking.combined = position.combined or slots_to_combine(search, ranking)
    return ranking
end

-- The scores and the ids of the best; the scores are multiplied by a scale.
local function written(best, scale)
    local list = {}
    for _, one in ipairs(best) do
        list[#list + 1] = one[1] * scale
        list[#list + 1] = one[2]
    end
    return list
end

-- Pour the best into the sink; return the position behind them, if there may be more.
local function hand_out(search, ranking)
    local best = ranking.best
    settle_best(best)
    local ids, last = {}, best[#best]
    for place, one in ipairs(best) do
        ids[place] = one[2]
    end
    pour(search.sink, ids)
    search.ranked = cmsgpack.pack(written(best, ranking.scale))
    if #best == best.count and best.count == MOST_RANKED then
        return {mode = 'rank', mark = {last[2], string.format('%.17g', last[1])}}
    end
end

-- The place of another filter whose ids are few enough to be scored.
local function narrow_filter(search, ranking)
    local smallest = ranking.slots[1].size
    for place, part in ipairs(search.parts) do
        if part ~= ranking.node and part.collectable and part ~= search.model.unexpired
            and (part.kind == 'given' or part.size < math.min(smallest, search.small)) then
            return place
        end
    end
end

local function weigh_filter(search, ranking, place, after)
    local part = search.parts[place]
    local ids = COLLECT[part.kind](search.model, part)
    local known = {matched = {[part] = true, [ranking.node] = true}, sure = {}, lacking = {}}
    local last = weigh_ids(search, ranking, ids, known, after)
    return last and {part = place, id = last}
end

-- For each word, the words that it stands for in each column; nil if all stand for themselves only.
local function words_meant_by(node)
    local meant, has_similar = {}, false
    for place, slot in ipairs(node.slots) do
        meant[place] = slot.meant
        local manner = node.terms[place][3]
        has_similar = has_similar or manner.prefix or manner.edits > 0
    end
    return has_similar and meant or nil
end

-- Score the matches of all words, if these are rare; return whether they are.
local function weigh_at_once(search, ranking)
    if are_merged(search, ranking) then
        weigh_merged(search, ranking)
        return true
    end
    return ranking.is_all and join_all(search, ranking)
end

local function open_turns()
    -- @include lib/words_in_turn
    return weigh_in_turn
end

local function open_combinations()
    -- @include lib/looking_at_combinations
    return look_at_all
end

-- Walk along common words in turn, or look at combinations; return where to continue, nil at the
-- end.
local function weigh_words(search, ranking, position)
    if position.reached or not position.number and ranking.best.count <= MOST_IN_TURNS then
        local is_done, following = open_turns()(search, ranking, position.reached)
        if is_done then
            return following
        end
    end
    return open_combinations()(search, ranking, position)
end

-- Find the best matches; return the position to continue at, nil at the end.
local function rank_matches(search, position)
    local ranking = open_ranking(search, position)
    local best = ranking.best
    search.sink = new_sink({skip = search.skip, need = search.need})
    settle_best(best)
    local is_first = not (position.number or position.reached)
    local place = position.part or is_first and narrow_filter(search, ranking)
    local following
    if place then
        following = weigh_filter(search, ranking, place, position.id)
    elseif not (is_first and weigh_at_once(search, ranking)) then
        following = weigh_words(search, ranking, position)
    end
    if not following then
        return hand_out(search, ranking)
    end
    following.mode, following.best, following.mark = 'rank', written(best, 1), position.mark
    following.slots, following.columns = ranking.slot_order, ranking.order
    following.meant = words_meant_by(ranking.node)
    following.combined, following.walked = ranking.combined, ranking.walked
    return following
end
