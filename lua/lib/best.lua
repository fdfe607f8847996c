-- The best matches so far: a list of {score, id}, with `count`, the number to keep; `least`, the
-- score that others must reach; and `has`, the ids in the list.

-- @include lib/numbers

local MOST_INSERTED = 50  -- numbers of a list that is kept sorted

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
    if best.is_settled then
        return
    end
    table.sort(best, is_before)
    for place = #best, best.count + 1, -1 do
        best.has[best[place][2]] = nil
        best[place] = nil
    end
    if #best == best.count then
        best.least = best[#best][1]
    end
    best.is_settled = true
end

-- Put a number into an ascending list in place of the least one.
local function insert_sorted(list, number)
    local place, last = 1, #list
    while place < last and list[place + 1] < number do
        list[place], place = list[place + 1], place + 1
    end
    list[place] = number
end

-- The score that texts must reach to be among the `count` best of many. If these are few, they are
-- kept sorted, because most other scores are too low for them.
local function threshold_of(scores, count)
    local size = #scores
    if size <= count then
        return -math.huge
    end
    local first, greatest = count > MOST_INSERTED and size or count, {}
    for place = 1, first do
        greatest[place] = scores[place]
    end
    table.sort(greatest)
    local least = greatest[first - count + 1]
    for place = first + 1, size do
        local score = scores[place]
        if score > least then
            insert_sorted(greatest, score)
            least = greatest[1]
        end
    end
    return least
end

-- Add ids with their scores.
local function add_to_best(best, ids, score_of)
    local scores = {}
    for place, id in ipairs(ids) do
        scores[place] = score_of[id]
    end
    local least = math.max(best.least, threshold_of(scores, best.count))
    for _, id in ipairs(ids) do
        local score = score_of[id]
        if score >= least and not best.has[id] then
            best.has[id] = true
            best[#best + 1], best.is_settled = new_item(score, id), false
        end
    end
    settle_best(best)
end
