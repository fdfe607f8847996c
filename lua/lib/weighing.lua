-- Scoring candidates: see lib/ranking.

-- @include lib/best
-- @include lib/merged_words
-- @include lib/matches
-- @include lib/lists

local MOST_EFFORT = 24000  -- of a call that ranks, in the units of lib/filters
local GRAIN = 1073741824  -- scores are multiples of its inverse, so that equal ones are equal
local SLACK = 4 / GRAIN   -- rounding of a bound

-- True if the call has done enough, and ends with a position.
local function has_ranked_enough(search)
    return EFFORT.spent >= MOST_EFFORT or search.pace.looked >= search.budget
end

-- Add what a group of merged postings gives to the scores; note in `has` who has any of them.
local function add_merged(group, ids, scores, has, wanted)
    local tf_of, length_of = frequencies_among(group, ids, wanted)
    spend(#ids)
    for place, id in ipairs(ids) do
        local tf = tf_of[id]
        if tf then
            scores[place] = scores[place] + worth_of(group, tf, length_of[id])
            has[place] = true
        end
    end
end

-- The same for a single word, whose packed scores may be known.
local function add_word(group, ids, scores, has, packed)
    local factor, slope, least = group.factor, group.slope, K1 * (1 - B)
    local closeness = group[1].closeness
    packed = packed or ask_each('ZMSCORE', group[1].key, ids)
    spend(2 * #ids)
    for place = 1, #ids do
        local score = packed[place] and tonumber(packed[place])
        if score then
            local lacking = score % LENGTHS
            local tf = (score - lacking) / LENGTHS * closeness
            local norm = tf + least + slope * (LENGTHS - 1 - lacking)
            scores[place] = scores[place] + factor * tf / norm
            has[place] = true
        end
    end
end

-- Keep only the candidates that a slot has, with their packed scores in a group.
local function narrow(has, ids, scores, packed)
    local kept_ids, kept_scores, kept_packed, count = {}, {}, packed and {}, 0
    for place = 1, #ids do
        if has[place] then
            count = count + 1
            kept_ids[count], kept_scores[count] = ids[place], scores[place]
            if packed then
                kept_packed[count] = packed[place]
            end
        end
    end
    return kept_ids, kept_scores, kept_packed
end

-- The matches among candidates, and their scores. The candidates have all slots in `known.sure`,
-- and no group in `known.lacking`, or it is in `known.scores`, the scores so far. `packed` has the
-- scores of the group `driver`. `known.wanted` has these and later candidates as keys, or is nil.
local function score_all(ranking, ids, known, driver, packed)
    local scores = known.scores or {}
    for place = #scores + 1, #ids do
        scores[place] = 0
    end
    for _, slot in ipairs(ranking.slots) do
        local has = {}
        for _, group in ipairs(slot.groups) do
            if not known.lacking[group] then
                if #group > 1 then
                    add_merged(group, ids, scores, has, known.wanted)
                else
                    add_word(group, ids, scores, has, group == driver and packed)
                end
            end
        end
        if ranking.is_all and not known.sure[slot] then
            ids, scores, packed = narrow(has, ids, scores, packed)
        end
    end
    return ids, scores
end

local function is_behind(mark, score, id)
    return score < mark[2] or score == mark[2] and compare_integers(id, mark[1]) > 0
end

-- Add those of some ids to the best that match all filters, if they score at least `cut`.
local function admit(search, ranking, ids, scores, matched, cut)
    local best, mark = ranking.best, ranking.mark
    local chosen, score_of, floor = {}, {}, math.floor
    local least = math.max(best.least, cut or 0)
    for place = 1, #ids do
        local score = scores[place]
        if score >= least - SLACK then
            local id, grains = ids[place], floor(score * GRAIN + 0.5)
            if grains == 0 and score > 0 then
                grains = 1  -- it matches, however common its words are
            end
            score = grains / GRAIN
            if score > 0 and not (mark and not is_behind(mark, score, id)) then
                chosen[#chosen + 1], score_of[id] = id, score
            end
        end
    end
    add_to_best(best, keep_all(search, chosen, matched), score_of)
end

-- The same for many texts: the other filters are asked about the best of them first.
local function admit_best(search, ranking, ids, scores, matched)
    local cut = ranking.mark and 0 or threshold_of(scores, ranking.best.count)
    admit(search, ranking, ids, scores, matched, cut)
    if ranking.best.least < cut - SLACK then
        admit(search, ranking, ids, scores, matched)
    end
end

-- Score candidates, and add those that match all filters to the best. `known` holds for all: they
-- match the filters in `matched`; for `sure` and `lacking`, see `score_all`.
local function weigh(search, ranking, candidates, known, driver, packed)
    local ids, scores = score_all(ranking, candidates, known, driver, packed)
    admit(search, ranking, ids, scores, known.matched)
    search.pace.looked = search.pace.looked + #candidates
end

-- Score ids a thousand at a time; return the last one if the call ends before they all are.
local function weigh_ids(search, ranking, ids, known, after)
    local may_end = #ids > search.small / 3
    if may_end or after then
        ids = by_id(ids, false, after and {id = after})
    end
    for first = 1, #ids, STEP do
        if first > 1 and may_end and has_ranked_enough(search) then
            return ids[first - 1]
        end
        weigh(search, ranking, {unpack(ids, first, math.min(first + STEP - 1, #ids))}, known)
    end
end
