-- Matches sorted by columns: by a walk along the first column's index, or by sorting all matches.
--
-- An order is {key, kind, reverse, tie, field, absent_first}. With kind 'score', the index has a
-- number for each id; with kind 'text', it has whole strings (value, NUL, id). Ids with one number
-- make a group, which is sorted by the row's `field`, the next order or the ids. In an index of
-- strings, members with the same bytes before the first NUL make a group: up to there the index is
-- in the order of the values.
--
-- Ids without a value in the index come last, in both directions; with `absent_first`, they come
-- first, the greatest id of equal ones before the others: that is the reverse of an order.

-- @include lib/planner

local WALK_COST = 0.75      -- a candidate in a walk, against one in a sort
local SORT_COST = 2         -- gathering an id and sorting it, against gathering it

-- Tell whether all indexes exist for which `or_stored` is set; else the caller sorts the rows.
local function exist(orders)
    for _, order in ipairs(orders) do
        if order.or_stored and redis.call('EXISTS', order.key) == 0 then
            return false
        end
    end
    return true
end

-- Set the ranks between which the order's index is walked: all, or those of a filter on this index.
local function bound_order(search)
    local order = search.order
    order.first, order.stop = 0, ask('ZCARD', order.key)
    order.size, order.part = order.stop, nil
    for index, part in ipairs(search.parts) do
        if part.key == order.key and (part.kind == 'range' or part.kind == 'lex') then
            order.part, order.first, order.stop = index, part.first, part.first + part.size
            return
        end
    end
end

local function head_of(member)
    return string.match(member, '^%Z*')
end

-- The first position of the walk: at the mark, or at the beginning.
local function begin_order(search)
    local place = search.mark and search.mark.places[search.level]
    if not place then
        local is_in_tail = search.mark or search.order.absent_first
        return {mode = is_in_tail and 'tail' or 'order'}
    end
    local group = search.order.kind == 'text' and head_of(place.value) or place.score
    return {mode = 'order', from = group}
end

-- The position to begin at with an order, and the patience: the number of candidates after which
-- the walk is given up to sort all matches.
local function begin_sorted(search, strings)
    local order, driver = search.order, search.driver
    local part = driver and search.parts[driver]
    if not part or order.part and #search.parts == 1 then
        return begin_order(search)
    end
    local is_small = part.kind == 'given'
        or part.size * SORT_COST <= search.small and may_gather(search, part)
    if part.kind == 'given' or strings and order.part ~= driver and is_small then
        return {mode = 'sort', part = driver}
    elseif strings and order.part ~= driver then
        refuse_whole()
    elseif not is_small then
        return begin_order(search)
    elseif length_of_walk(search, order.stop - order.first, order.part) * WALK_COST < part.size then
        return begin_order(search), 2 * part.size
    end
    return {mode = 'sort', part = driver}
end
