-- Matches sorted by columns: by walking the first column's index, or by sorting what matches.
--
-- An order is {key, kind, reverse, tie, field}. Of kind 'score' the index has a number for each id;
-- of kind 'text' it has whole strings (value, NUL, id). Ids of one number make a group, which the
-- row's `field`, the next order or the ids put in order. In an index of strings a group is what has
-- the same bytes before the first NUL: up to there the order of the index is that of the values.
--
-- What has no value in the index comes last, either way round.
--
-- A search's `level` says which order is walked: the first, or a later one within a large group of
-- the one before. Such a walk is a search of its own, with one filter more.

-- @include lib/groups
-- @include lib/walks

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

-- The ranks at which a group begins and ends, within bounds. It is named by its head or its score.
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

-- The name of the group of the first or the last member. Members of kind 'score' come with scores.
local function name_of_group(order, members, is_first)
    if #members == 0 then
        return nil
    elseif order.kind == 'text' then
        return head_of(members[is_first and 1 or #members])
    end
    return members[is_first and 2 or #members]
end

local function read_members(order, first, stop)
    if first >= stop then
        return {}
    elseif order.kind == 'text' then
        return ask('ZRANGE', order.key, first, stop - 1)
    end
    return ask('ZRANGE', order.key, first, stop - 1, 'WITHSCORES')
end

-- Whether to find a group's ids by walking through all ids: they are many, and few are wanted.
local function is_too_large(search, first, stop, group)
    local size = stop - first
    if size < search.pace.chunk or not is_by_id(search.order, to_score(group)) then
        return false
    end
    local sink, span = search.sink, search.model.span
    local wanted = sink.need - sink.count + sink.skip - sink.skipped
    local walk = math.min(1, wanted / size) * span
    return walk < 2 * size or size >= search.large and walk < 4 * size
end

-- The members of the next groups, all of them whole, and the rank that follows in the order asked
-- for; or the name of one group that is too large.
local function next_members(search, rank)
    local order, chunk = search.order, next_chunk(search)
    local reverse = order.reverse
    local first = reverse and math.max(rank - chunk, order.first) or rank
    local stop = reverse and rank or math.min(rank + chunk, order.stop)
    if first >= stop then
        return {}, rank
    end
    local members = read_members(order, first, stop)
    local group = name_of_group(order, members, reverse)
    local group_first, group_stop = ranks_of_group(order, group)
    if is_too_large(search, group_first, group_stop, group) then
        if reverse and group_stop >= rank or not reverse and group_first <= rank then
            return nil, nil, group
        elseif reverse then
            return read_members(order, group_stop, rank), group_stop
        end
        return read_members(order, rank, group_first), group_first
    elseif reverse then
        local all = read_members(order, group_first, first)
        append(all, members)
        return all, group_first
    end
    append(members, read_members(order, stop, group_stop))
    return members, group_stop
end

-- The members that match, as entries. A filter on the same index is not asked again, but for what
-- its bounds do not say.
local MATCHING = {}

function MATCHING.score(search, members)
    local order, ids, entries, at = search.order, {}, {}, 1
    for position = 1, #members, 2 do
        ids[#ids + 1] = members[position]
    end
    local bound = order.part and search.parts[order.part]
    ids = keep_all(search, ids, bound and not bound.exact and {[bound] = true})
    for position, id in ipairs(ids) do
        while members[at] ~= id do
            at = at + 2
        end
        entries[position] = {id = id, by = to_score(members[at + 1])}
    end
    return entries
end

-- Members with one head are in the order of the index, which is not that of values with a NUL.
function MATCHING.text(search, members)
    local order, ids, value_of, has_nul = search.order, {}, {}, false
    local bound = order.part and search.parts[order.part]
    for _, member in ipairs(members) do
        local value, id = value_and_id(member)
        if id and (not bound or is_value_within(bound, value)) then
            ids[#ids + 1] = id
            value_of[id] = value
            has_nul = has_nul or string.find(value, '%z')
        end
    end
    local entries = {}
    for position, id in ipairs(keep_all(search, ids, bound and {[bound] = true})) do
        entries[position] = {id = id, by = value_of[id]}
    end
    return has_nul and sort_entries(entries, compare_bytes) or entries
end

-- Whether there may be matches that the order's index lacks.
local function has_tail(search)
    local order, model = search.order, search.model
    return not order.part and not (model.bytes and order.size >= model.span)
end

-- Where the walk goes on at a rank, the group of that name being done.
local function after_group(search, rank, group)
    local order = search.order
    local is_last
    if order.reverse then
        is_last = rank <= order.first
    else
        is_last = rank >= order.stop
    end
    if is_last then
        return has_tail(search) and {mode = 'tail'} or nil
    end
    return {mode = 'order', rank = rank, past = group}
end

local function rank_past(order, group)
    local first, stop = ranks_of_group(order, group)
    return order.reverse and first or stop
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

local function rank_at(order, group)
    local first, stop = ranks_of_group(order, group)
    return order.reverse and stop or first
end

-- Along the order's index.
function WALK.order(search, position)
    local order = search.order
    local rank = position.rank
        or position.past and rank_past(order, position.past)
        or position.from and rank_at(order, position.from)
        or (order.reverse and order.stop or order.first)
    local members, upto, group = next_members(search, rank)
    if group then
        return {mode = 'group', group = group}
    end
    note_looked(search, math.abs(upto - rank))
    local entries = MATCHING[order.kind](search, members)
    pour(search.sink, sorted_entries(search, search.level, entries, search.mark))
    return after_group(search, upto, name_of_group(order, members, order.reverse))
end

-- A search for what an order leaves undecided: with one part more, by the next order or by id.
local function inner_search(search, part, has_mark)
    local inner = setmetatable({parts = {}}, {__index = search})
    append(inner.parts, search.parts)
    append(inner.parts, {part})
    size_of(inner.model, part)
    inner.by_size = by_size(inner.parts)
    inner.level = search.level + 1
    inner.order = search.orders[inner.level] or false
    inner.mark = has_mark and search.mark or false
    if inner.order then
        bound_order(inner)
    end
    return inner
end

local function begin_inner(inner, reverse)
    if inner.order then
        return begin_order(inner)
    end
    return {mode = 'ids', reverse = reverse, from = inner.mark and inner.mark.id or nil}
end

-- Along the next order, or the ids, for those of one large group.
function WALK.group(search, position)
    local order, group = search.order, position.group
    local place = search.mark and search.mark.places[search.level]
    local has_mark = place and to_score(place.score) == to_score(group)
    local part = {kind = 'range', key = order.key, low = group, high = group}
    local inner = inner_search(search, part, has_mark)
    local step = position.inner or begin_inner(inner, order.reverse)
    local following = WALK[step.mode](inner, step)
    if following then
        return {mode = 'group', group = group, inner = following}
    end
    return after_group(search, rank_past(order, group), group)
end

-- The kind `lacking` of lib/filters: the ids that an order's index lacks.
function SIZE.lacking(model)
    return model.span
end

function KEEP.lacking(model, node, ids)
    local order = node.order
    if order.kind == 'text' then
        return those(ids, function(id)
            local value = value_in_row(model, id, order.field)
            return not value or value == ''
        end)
    end
    local scores = ask_each('ZMSCORE', order.key, ids)
    return those(ids, function(_, position) return not scores[position] end)
end

-- Along the next order, or the ids, for what matches and has no value in the order's index.
function WALK.tail(search, position)
    local driver = search.driver
    local has_mark = search.mark and not search.mark.places[search.level]
    local part = {kind = 'lacking', order = search.order}
    local inner = inner_search(search, part, has_mark)
    if driver and not position.inner and search.parts[driver].size <= search.small then
        local ids = KEEP.lacking(search.model, part, gather(search, driver))
        pour(search.sink, sorted_beyond(search, search.level, ids, inner.mark, false))
        return nil
    end
    local step = position.inner or begin_inner(inner, false)
    local following = WALK[step.mode](inner, step)
    return following and {mode = 'tail', inner = following}
end

-- All matches, gathered and sorted. For few matches, that is faster than a walk.
function WALK.sort(search, position)
    local ids, sink = gather(search, position.part), search.sink
    pour(sink, sorted_from(search, 1, ids, search.mark, sink.skip + sink.need))
end
