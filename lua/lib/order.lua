-- Walks in the order of some columns: see lib/sorting.
--
-- The `level` of a search is the order that is walked: the first, or a later one within a large
-- group of the one before. Such an inner walk is a search of its own, with one more filter.

-- @include lib/sorting
-- @include lib/walks

-- The ranks at which a group begins and ends, within bounds. Its name is its head or its score.
local function ranks_of_group(order, group)
    local first, stop
    if order.kind == 'text' then
        first = group == '' and 0 or ask('ZLEXCOUNT', order.key, '-', '(' .. group)
        stop = ask('ZLEXCOUNT', order.key, '-', '(' .. group .. '\1')
    else
        first = ask('ZCOUNT', order.key, '-inf', '(' .. group)
        stop = ask('ZCOUNT', order.key, '-inf', group)
    end
    return math.max(first, order.first), math.min(stop, order.stop)
end

local function rank_past(order, group)
    local first, stop = ranks_of_group(order, group)
    return order.reverse and first or stop
end

-- Tell whether the order's index may lack some matches.
local function has_tail(search)
    local order, model = search.order, search.model
    return not order.part and not (model.bytes and order.size >= model.span)
end

-- The position at a rank, after the group of that name is done.
local function after_group(search, rank, group)
    local order = search.order
    local is_last
    if order.reverse then
        is_last = rank <= order.first
    else
        is_last = rank >= order.stop
    end
    if is_last then
        return not order.absent_first and has_tail(search) and {mode = 'tail'} or nil
    end
    return {mode = 'order', rank = rank, past = group}
end

function WALKS.order()
    -- @include lib/walk_of_order
    return walk_order
end

function WALKS.group()
    -- @include lib/walk_of_group
    return walk_group
end

function WALKS.tail()
    -- @include lib/walk_of_tail
    return walk_tail
end
