-- The best matches so far: a list of {score, id}, with `count`, the number to keep; `least`, the
-- score that others must reach; and `has`, the ids in the list.

-- @include lib/numbers

local function is_before(a, b)
    if a[1] ~= b[1] then
        return a[1] > b[1]
    end
    if a[3] and b[3] then
        return a[3] < b[3]
    end
    return compare_integers(a[2], b[2]) < 0
end

-- An item of the list: the score, the id and, if a double holds it exactly, its number.
local function new_item(score, id)
    return {score, id, #id <= EXACT_DIGITS and tonumber(id)}
end

local function new_best(count, kept)
    local best = {count = count, least = -math.huge, has = {}}
    for place = 1, #(kept or {}), 2 do
        best[#best + 1] = new_item(tonumber(kept[place]), kept[place + 1])
        best.has[kept[place + 1]] = true
    end
    return best
end

-- Sort the best, drop those beyond the count, and note the score that others must reach.
local function settle_best(best)
    table.sort(best, is_before)
    for place = #best, best.count + 1, -1 do
        best.has[best[place][2]] = nil
        best[place] = nil
    end
    if #best == best.count then
        best.least = best[#best][1]
    end
end

-- The score that ids must reach to be among the best of many: sorting numbers takes little time.
local function threshold_of(best, ids, score_of)
    local scores = {}
    for place, id in ipairs(ids) do
        scores[place] = score_of[id]
    end
    table.sort(scores)
    return scores[#scores - best.count + 1]
end

-- Add ids with their scores.
local function add_to_best(best, ids, score_of)
    local least = best.least
    if #ids > best.count then
        least = math.max(least, threshold_of(best, ids, score_of))
    end
    for _, id in ipairs(ids) do
        local score = score_of[id]
        if score >= least and not best.has[id] then
            best.has[id] = true
            best[#best + 1] = new_item(score, id)
        end
    end
    settle_best(best)
end
