-- The best matches so far: a list of {score, id}, with `count`, the number to keep; `least`, the
-- score that others must reach; and `has`, the ids in the list.

-- @include lib/numbers

local SPARE = 64  -- beyond twice the count, before the list is sorted

local function is_before(a, b)
    if a[1] ~= b[1] then
        return a[1] > b[1]
    end
    return compare_integers(a[2], b[2]) < 0
end

local function new_best(count, kept)
    local best = {count = count, least = -math.huge, has = {}}
    for place = 1, #(kept or {}), 2 do
        best[#best + 1] = {tonumber(kept[place]), kept[place + 1]}
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

local function add_to_best(best, score, id)
    if not best.has[id] then
        best.has[id] = true
        best[#best + 1] = {score, id}
        if #best >= 2 * best.count + SPARE then
            settle_best(best)
        end
    end
end
