-- Words whose frequencies and lengths fit into one number, so that one ZINTER intersects their
-- postings and returns all that they add to the score of a text.
--
-- ZINTER adds up the scores of a text, each times a weight:
--
--     sum of weight * (tf * LENGTHS + LENGTHS - 1 - length)
--         = LENGTHS * sum of weight * (tf + 1)  -  sum of weight * (1 + length)
--
-- The second sum is less than LENGTHS, so both are known from the number. Each weight is above what
-- the words before it can add to the first sum, so the frequencies are read off as digits. The
-- words of one column share a length. The weights of the next column are above what the columns
-- before it can add to the second sum, so the lengths are digits, too.

-- @include lib/rank_bounds
-- @include lib/lists

local MOST_DIGITS = 67108864  -- 2^26: times LENGTHS, a double holds it exactly

-- The groups in an order in which those of a column are neighbours.
local function by_column(groups)
    local sorted = {unpack(groups)}
    for place = 2, #sorted do
        local group, before = sorted[place], place - 1
        while before > 0 and sorted[before].column > group.column do
            sorted[before + 1], before = sorted[before], before - 1
        end
        sorted[before + 1] = group
    end
    return sorted
end

-- The packing of some groups of one word each, or nil if their numbers would be too large: `groups`
-- by column; `weights`; and of each group, `totals`, the weight of its column's length, which the
-- last group of a column has, false in others.
local function packing_of(groups, columns)
    local packing = {groups = by_column(groups), weights = {}, totals = {}}
    local weight, most, total, reach = 1, 0, 0, 0
    for place, group in ipairs(packing.groups) do
        local following = packing.groups[place + 1]
        local tf = most_of(group[1])
        packing.weights[place] = weight
        most, total, weight = most + weight * (tf + 1), total + weight, weight * (tf + 2)
        if following and following.column == group.column then
            packing.totals[place] = false
        else
            packing.totals[place], reach = total, reach + total * limit_of(columns[group.column])
            weight, total = math.max(weight, reach + 1), 0
        end
    end
    return reach < LENGTHS and most < MOST_DIGITS and packing or nil
end

-- The texts that have all the words of a packing and are in all further keys, with their numbers.
local function intersect_packed(packing, keys)
    local arguments = {}
    for place, group in ipairs(packing.groups) do
        arguments[place] = group[1].key
    end
    append(arguments, keys)
    local count = #arguments
    arguments[count + 1] = 'WEIGHTS'
    for place = 1, count do
        arguments[count + 1 + place] = string.format('%d', packing.weights[place] or 0)
    end
    arguments[#arguments + 1] = 'WITHSCORES'
    return ask('ZINTER', count, unpack(arguments))
end

-- The score of a text with this number by all groups, or only by the group `alone`.
local function score_of_packed(packing, packed, alone)
    local weights, totals, groups = packing.weights, packing.totals, packing.groups
    local floor = math.floor
    local sum, score, length = tonumber(packed), 0, nil
    local digits = floor(sum / LENGTHS) + 1
    local lengths = digits * LENGTHS - sum
    for place = #groups, 1, -1 do
        local weight, total, group = weights[place], totals[place], groups[place]
        if total then
            local units = floor(lengths / total)
            lengths, length = lengths - units * total, units - 1
        end
        local digit = floor(digits / weight)
        digits = digits - digit * weight
        if not alone or alone == group then
            local tf = (digit - 1) * group[1].closeness
            score = score + group.factor * tf / (tf + K1 * (1 - B) + group.slope * length)
        end
    end
    return score
end

-- The scores in the reply of ZINTER, ascending, and the texts with each that were not seen before.
-- Many texts have equal numbers.
local function texts_by_score(packing, flat, seen)
    local scores, texts_of, texts_with, count = {}, {}, {}, 0
    for place = 2, #flat, 2 do
        local packed, id = flat[place], flat[place - 1]
        local texts = texts_with[packed]
        if not texts then
            local score = score_of_packed(packing, packed)
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
