-- Ids put in order, by one index after another.
--
-- A search has a list of orders; what they are, lib/order says. What the first does not tell apart
-- is left to the second, and so on; in the end the ids decide, in the direction of the last order.
-- What has no value for an order comes last, either way round.
--
-- Ids may be wanted from a mark on: {id, places}, which is what stood last on the page before. It
-- has a place for each order: {score, value}, or false where it has no value. Entries are lists of
-- {id, by}, in ascending order of what they go by.

-- @include lib/lists
-- @include lib/numbers
-- @include lib/scores

local COMPARE = {integer = compare_integers, text = compare_bytes, text_ci = compare_bytes}

local function compare_numbers(a, b)
    return a == b and 0 or a < b and -1 or 1
end

-- Whether an order itself tells no two ids of a score apart.
local function is_by_id(order, score)
    return order.kind == 'score'
        and (order.tie == 'id' or order.tie == 'integer' and math.abs(score) < INEXACT)
end

-- What is compared within one score, of what a row holds.
local function tie_of(order, value)
    if order.tie == 'integer' then
        return value or '0'
    end
    value = value or ''
    return order.tie == 'text_ci' and string.lower(value) or value  -- of ASCII; the rest as it is
end

local function sort_entries(entries, compare)
    table.sort(entries, function(a, b) return compare(a.by, b.by) < 0 end)
    return entries
end

local SORT = {
    score = function(entries)
        table.sort(entries, function(a, b) return a.by < b.by end)
    end,
    text = function(entries)
        sort_entries(entries, compare_bytes)
    end,
}

local function ids_of_run(entries, first, after, step)
    local ids = {}
    for place = first, after - step, step do
        ids[#ids + 1] = entries[place].id
    end
    return ids
end

-- The ids of entries, with each run of them that go by the same put in order by `sort_run`. What
-- comes before `from` is left out; `sort_run` is told whether its run is the one of `from`.
local function in_runs(entries, reverse, compare, from, sort_run)
    local sorted, step = {}, reverse and -1 or 1
    local at = reverse and #entries or 1
    while entries[at] do
        local by, after = entries[at].by, at + step
        while entries[after] and entries[after].by == by do
            after = after + step
        end
        local side = from == nil and 1 or compare(by, from) * step
        if side > 0 and after == at + step then
            sorted[#sorted + 1] = entries[at].id
        elseif side >= 0 then
            append(sorted, sort_run(ids_of_run(entries, at, after, step), side == 0, by))
        end
        at = after
    end
    return sorted
end

-- Of entries that go by numbers, those of `from`, and those whose run reaches into the first
-- `wanted` beyond it.
local function cut(entries, wanted, reverse, from)
    local near, beyond, numbers = {}, entries, {}
    if from then
        near = those(entries, function(entry) return entry.by == from end)
        beyond = those(entries, function(entry)
            return entry.by ~= from and (entry.by < from) == reverse
        end)
    end
    if wanted < #beyond then
        for position, entry in ipairs(beyond) do
            numbers[position] = entry.by
        end
        table.sort(numbers)
        local limit = reverse and numbers[#numbers - wanted + 1] or numbers[wanted]
        beyond = those(beyond, function(entry)
            if reverse then
                return entry.by >= limit
            end
            return entry.by <= limit
        end)
    end
    append(near, beyond)
    return near
end

-- Ids by an order: entries, not sorted yet, and the ids that have no value for it.
local ENTRIES_OF = {}

function ENTRIES_OF.score(_, order, ids)
    local entries, without = {}, {}
    local scores = ask_each('ZMSCORE', order.key, ids)
    for position, id in ipairs(ids) do
        if scores[position] then
            entries[#entries + 1] = {id = id, by = to_score(scores[position])}
        else
            without[#without + 1] = id
        end
    end
    return entries, without
end

function ENTRIES_OF.text(search, order, ids)
    local entries, without = {}, {}
    for _, id in ipairs(ids) do
        local value = value_in_row(search.model, id, order.field)
        if value and value ~= '' then
            entries[#entries + 1] = {id = id, by = value}
        else
            without[#without + 1] = id
        end
    end
    return entries, without
end

local sorted_from

-- Ids that an order does not tell apart.
local function sorted_beyond(search, level, ids, mark, reverse)
    if search.orders[level + 1] then
        return sorted_from(search, level + 1, ids, mark)
    end
    return by_id(ids, reverse, mark)
end

-- Ids of one score.
local function sorted_by_tie(search, level, ids, mark, score)
    local order = search.orders[level]
    if is_by_id(order, score) then
        return sorted_beyond(search, level, ids, mark, order.reverse)
    end
    local entries, compare = {}, COMPARE[order.tie]
    for position, id in ipairs(ids) do
        local value = value_in_row(search.model, id, order.field)
        entries[position] = {id = id, by = tie_of(order, value)}
    end
    local from = mark and tie_of(order, mark.places[level].value)
    return in_runs(sort_entries(entries, compare), order.reverse, compare, from or nil,
        function(run, is_at_mark)
            return sorted_beyond(search, level, run, is_at_mark and mark, order.reverse)
        end)
end

-- Entries that are sorted by one order, with the others' part done.
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

-- Ids by one order and those after it; at least the first `wanted` of them, if that is given.
function sorted_from(search, level, ids, mark, wanted)
    local order = search.orders[level]
    local place = mark and mark.places[level]
    local entries, without = ENTRIES_OF[order.kind](search, order, ids)
    local sorted = {}
    if place or not mark then
        if wanted then
            entries = cut(entries, wanted, order.reverse, place and to_score(place.score))
        end
        SORT[order.kind](entries)
        sorted = sorted_entries(search, level, entries, mark)
    end
    append(sorted, sorted_beyond(search, level, without, not place and mark, false))
    return sorted
end
