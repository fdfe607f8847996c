-- Sorting ids by one index after another.
--
-- A search has a list of orders, see lib/sorting. Ids that are equal in the first order are sorted
-- by the second, and so on. Ids that are equal in all orders are sorted as numbers, in the
-- direction of the last order or in that of the request. Ids without a value for an order come
-- last, in both directions, or first: see lib/sorting.
--
-- A mark {id, places} is the last match of the page before; only later ids are kept. It has a place
-- for each order: {score, value}, or false if it has no value. Entries are {ids, by}: a list of
-- ids, and a list of their sort keys, in ascending order of the keys.

-- @include lib/direction
-- @include lib/lists
-- @include lib/numbers
-- @include lib/scores

local LEAST_SORTED = 64  -- the least number of numbers that are sorted at once

local COMPARE = {integer = compare_integers, text = compare_bytes, text_ci = compare_bytes}

local function compare_numbers(a, b)
    return a == b and 0 or a < b and -1 or 1
end

-- Tell whether ids of one score are equal in this order, so that only the next order sorts them.
local function is_by_id(order, score)
    return order.kind == 'score'
        and (order.tie == 'id' or order.tie == 'integer' and math.abs(score) < INEXACT)
end

-- The sort key of a row among rows of one score.
local function tie_of(order, value)
    if order.tie == 'integer' then
        return value or '0'
    end
    value = value or ''
    return order.tie == 'text_ci' and string.lower(value) or value  -- lowers ASCII letters only
end

-- Entries sorted by a function that compares two keys.
local function sort_entries(entries, compare)
    local by, places, sorted = entries.by, {}, {ids = {}, by = {}}
    for place = 1, #by do
        places[place] = place
    end
    table.sort(places, function(a, b) return compare(by[a], by[b]) < 0 end)
    for position, place in ipairs(places) do
        sorted.ids[position], sorted.by[position] = entries.ids[place], by[place]
    end
    return sorted
end

-- Entries sorted by numbers. Lua sorts plain numbers in a third of the time that it takes with a
-- function that compares. `next_place` links the places of equal numbers.
local function sort_by_numbers(entries)
    local place_of, next_place, numbers, ids = {}, {}, {}, {}
    for place, number in ipairs(entries.by) do
        next_place[place], place_of[number] = place_of[number] or false, place
        numbers[place] = number
    end
    table.sort(numbers)
    for position, number in ipairs(numbers) do
        local place = place_of[number]
        ids[position], place_of[number] = entries.ids[place], next_place[place]
    end
    return {ids = ids, by = numbers}
end

local SORT = {
    score = sort_by_numbers,
    text = function(entries) return sort_entries(entries, compare_bytes) end,
}

local function ids_of_run(ids, first, after, step)
    local run = {}
    for place = first, after - step, step do
        run[#run + 1] = ids[place]
    end
    return run
end

-- The ids of sorted entries, where `sort_run` sorts each run of equal keys. Keys before `from` are
-- left out; the second argument of `sort_run` tells whether the run is that of `from`.
local function in_runs(entries, reverse, compare, from, sort_run)
    local ids, by, sorted, step = entries.ids, entries.by, {}, reverse and -1 or 1
    local at = reverse and #ids or 1
    local value = by[at]
    while value do
        local after = at + step
        while by[after] == value do
            after = after + step
        end
        local side = from == nil and 1 or compare(value, from) * step
        if side > 0 and after == at + step then
            sorted[#sorted + 1] = ids[at]
        elseif side >= 0 then
            append(sorted, sort_run(ids_of_run(ids, at, after, step), side == 0, value))
        end
        at, value = after, by[after]
    end
    return sorted
end

-- The `wanted`-th smallest of the numbers above `edge`; infinite if there are fewer. Most numbers
-- are only compared with the limit found so far, so few are sorted.
local function limit_of(numbers, wanted, edge)
    local best, limit = {}, math.huge
    local most = math.max(2 * wanted, LEAST_SORTED)
    local function sort_best()
        if #best < wanted then
            return
        end
        table.sort(best)
        limit = best[wanted]
        for place = #best, wanted + 1, -1 do
            best[place] = nil
        end
    end
    for _, number in ipairs(numbers) do
        if number < limit and (not edge or number > edge) then
            best[#best + 1] = number
            if #best == most then
                sort_best()
            end
        end
    end
    sort_best()
    return limit
end

-- The entries by numbers with the key `from`, and those whose run reaches into the first `wanted`
-- after it.
local function cut(entries, wanted, reverse, from)
    local step, numbers, near = reverse and -1 or 1, {}, {ids = {}, by = {}}
    for place, score in ipairs(entries.by) do
        numbers[place] = score * step
    end
    local edge = from and from * step
    local limit = limit_of(numbers, wanted, edge)
    for place, number in ipairs(numbers) do
        if number <= limit and (not edge or number >= edge) then
            near.ids[#near.ids + 1] = entries.ids[place]
            near.by[#near.by + 1] = entries.by[place]
        end
    end
    return near
end

-- Unsorted entries of the ids that have a value; and the other ids.
local function split_by_value(ids, value_of)
    local having, by, without = {}, {}, {}
    for position, id in ipairs(ids) do
        local value = value_of(position, id)
        if value then
            having[#having + 1], by[#by + 1] = id, value
        else
            without[#without + 1] = id
        end
    end
    return {ids = having, by = by}, without
end

-- The key of a row in an order of strings; false if it comes last. A row without the column counts
-- with the default only if the index has that entry: before a reindex, a walk along the index would
-- not find it either.
local function text_in_order(model, order, id)
    local value, absent = value_in_row(model, id, order.field), order.absent
    if absent and value == model.absent[order.field]
        and not ask('ZSCORE', order.key, absent .. '\0' .. id) then
        return false
    end
    return value ~= nil and value ~= '' and value
end

-- Unsorted entries of ids in an order, and the ids without a value for it.
local ENTRIES_OF = {}

function ENTRIES_OF.score(_, order, ids)
    local scores = ask_each('ZMSCORE', order.key, ids)
    return split_by_value(ids, function(position)
        return scores[position] and to_score(scores[position])
    end)
end

function ENTRIES_OF.text(search, order, ids)
    return split_by_value(ids, function(_, id)
        return text_in_order(search.model, order, id)
    end)
end

local sorted_from

-- Sort ids that are equal in an order, by the next order or as numbers.
local function sorted_beyond(search, level, ids, mark, reverse)
    if search.orders[level + 1] then
        return sorted_from(search, level + 1, ids, mark)
    end
    return by_id(ids, is_downwards(search, reverse), mark)
end

-- The length of the common prefix of strings, at most 64 bytes. Strings of one score often share a
-- long prefix, which need not be compared again for each pair.
local function length_in_common(strings)
    local common = string.sub(strings[1] or '', 1, BLOCK)
    for _, text in ipairs(strings) do
        while string.sub(text, 1, #common) ~= common do
            common = string.sub(common, 1, -2)
        end
    end
    return #common
end

-- Sort ids of one score.
local function sorted_by_tie(search, level, ids, mark, score)
    local order = search.orders[level]
    if is_by_id(order, score) then
        return sorted_beyond(search, level, ids, mark, order.reverse)
    end
    local ties, compare = {}, COMPARE[order.tie]
    for position, id in ipairs(ids) do
        ties[position] = tie_of(order, value_in_row(search.model, id, order.field))
    end
    if order.tie ~= 'integer' then
        local same = length_in_common(ties)
        compare = function(a, b) return compare_bytes(a, b, same) end
    end
    local entries = sort_entries({ids = ids, by = ties}, compare)
    compare = COMPARE[order.tie]
    local from = mark and tie_of(order, mark.places[level].value)
    return in_runs(entries, order.reverse, compare, from or nil,
        function(run, is_at_mark)
            return sorted_beyond(search, level, run, is_at_mark and mark, order.reverse)
        end)
end

-- The ids of entries that are sorted by one order, with equal ones sorted by the next orders.
local function sorted_entries(search, level, entries, mark)
    local order = search.orders[level]
    local place = mark and mark.places[level]
    if order.kind == 'text' then
        return in_runs(entries, order.reverse, compare_bytes, place and place.value or nil,
            function(run, is_at_mark)
                return sorted_beyond(search, level, run, is_at_mark and mark, order.reverse)
            end)
    end
    return in_runs(entries, order.reverse, compare_numbers, place and to_score(place.score) or nil,
        function(run, is_at_mark, score)
            return sorted_by_tie(search, level, run, is_at_mark and mark, score)
        end)
end

-- Sort ids by one order and those after it; with `wanted`, at least the first ones.
function sorted_from(search, level, ids, mark, wanted)
    local order = search.orders[level]
    local place = mark and mark.places[level]
    local entries, without = ENTRIES_OF[order.kind](search, order, ids)
    local is_first, sorted = order.absent_first, {}
    if is_first and not place then
        append(sorted, sorted_beyond(search, level, without, mark, true))
        mark = false
    end
    if place or not mark then
        if wanted and wanted < #entries.ids then
            entries = cut(entries, wanted, order.reverse, place and to_score(place.score))
        end
        append(sorted, sorted_entries(search, level, SORT[order.kind](entries), mark))
    end
    if not is_first then
        append(sorted, sorted_beyond(search, level, without, not place and mark, false))
    end
    return sorted
end
