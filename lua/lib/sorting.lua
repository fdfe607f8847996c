-- Matches sorted by columns: by walking the first column's index, or by sorting what matches.
--
-- An order is {key, kind, reverse, tie, field}. Of kind 'score' the index has a number for each id;
-- of kind 'text' it has whole strings (value, NUL, id). Ids of one number make a group, which the
-- row's `field`, the next order or the ids put in order. In an index of strings a group is what has
-- the same bytes before the first NUL: up to there the order of the index is that of the values.
--
-- What has no value in the index comes last, either way round.

-- @include lib/planner

local WALK_COST = 0.75      -- looking at an id in a walk, against doing so in a sort
local SORT_COST = 2         -- gathering an id and sorting it, against gathering it

-- Whether the indexes exist without which the caller had better sort.
local function exist(orders)
    for _, order in ipairs(orders) do
        if order.or_stored and redis.call('EXISTS', order.key) == 0 then
            return false
        end
    end
    return true
end

-- The ranks between which the order's index is walked: all, or those of a filter on the same index.
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

-- The walk's first position: at the mark, or at the beginning.
local function begin_order(search)
    local place = search.mark and search.mark.places[search.level]
    if not search.mark then
        return {mode = 'order'}
    elseif not place then
        return {mode = 'tail'}
    end
    local group = search.order.kind == 'text' and head_of(place.value) or place.score
    return {mode = 'order', from = group}
end

-- Where to begin with an order; and how far to walk before sorting all matches after all.
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
