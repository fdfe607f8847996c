-- Words of one column whose frequencies fit into one number, so that one ZINTER intersects their
-- postings and returns all that the score of a text depends on.
--
-- ZINTER adds up the scores of a text, each times a weight:
--
--     sum of weight * (tf * LENGTHS + LENGTHS - 1 - length)
--         = LENGTHS * sum of weight * (tf + 1)  -  (1 + length) * sum of weights
--
-- The second term is less than LENGTHS, so both are known from the number. Each weight is that of
-- the word before times a base that is above tf + 1, so the frequencies are digits.

-- @include lib/rank_bounds
-- @include lib/weighing

local MOST_DIGITS = 67108864  -- 2^26: times LENGTHS, a double holds it exactly

-- The weights of the words in ZINTER, or nil if their numbers would be too large.
local function packing_of(groups, limit)
    local packing, weight, most = {weights = {}, bases = {}, total = 0}, 1, 0
    for place, group in ipairs(groups) do
        local tf = most_of(group[1])
        packing.weights[place], packing.bases[place] = string.format('%.0f', weight), tf + 2
        packing.total, most = packing.total + weight, most + weight * (tf + 1)
        weight = weight * (tf + 2)
    end
    return packing.total * limit < LENGTHS and most < MOST_DIGITS and packing or nil
end

-- The texts that are in all keys, the first of which are those of the words, with their numbers.
local function intersect_packed(keys, packing)
    local weights = {unpack(packing.weights)}
    for place = #weights + 1, #keys do
        weights[place] = '0'
    end
    local arguments = {unpack(keys)}
    arguments[#arguments + 1] = 'WEIGHTS'
    append(arguments, weights)
    arguments[#arguments + 1] = 'WITHSCORES'
    return ask('ZINTER', #keys, unpack(arguments))
end

local function score_of_packed(groups, packing, packed)
    local sum, score = tonumber(packed), 0
    local digits = math.floor(sum / LENGTHS) + 1
    local length = (digits * LENGTHS - sum) / packing.total - 1
    for place, group in ipairs(groups) do
        local base = packing.bases[place]
        local digit = digits % base
        score = score + worth_of(group, (digit - 1) * group[1].closeness, length)
        digits = (digits - digit) / base
    end
    return score
end

-- The scores in the reply of ZINTER, ascending, and the texts with each that were not seen before.
-- Many texts have equal numbers.
local function texts_by_score(groups, packing, flat, seen)
    local scores, texts_of, texts_with, count = {}, {}, {}, 0
    for place = 2, #flat, 2 do
        local packed, id = flat[place], flat[place - 1]
        local texts = texts_with[packed]
        if not texts then
            local score = score_of_packed(groups, packing, packed)
            texts = texts_of[score]
            if not texts then
                texts = {}
                scores[#scores + 1], texts_of[score] = score, texts
            end
            texts_with[packed] = texts
        end
        if not seen[id] then
            texts[#texts + 1], count = id, count + 1
        end
    end
    table.sort(scores)
    return scores, texts_of, count
end

-- Score the texts in the reply of ZINTER, the best first, until no other can be among the best.
local function weigh_packed(search, ranking, groups, packing, flat, matched)
    local best = ranking.best
    local all_scores, texts_of, count = texts_by_score(groups, packing, flat, ranking.seen)
    local ids, scores = {}, {}
    for position = #all_scores, 1, -1 do
        local score = all_scores[position]
        if score < best.least - SLACK then
            break
        end
        for _, id in ipairs(texts_of[score]) do
            ids[#ids + 1], scores[#scores + 1] = id, score
        end
        if #ids >= best.count then
            admit(search, ranking, ids, scores, matched)
            ids, scores = {}, {}
        end
    end
    admit(search, ranking, ids, scores, matched)
    spend(#flat / 2)
    search.pace.looked = search.pace.looked + count
end
