-- Matches sorted by a column: by walking the column's index, or by sorting what matches.
--
-- An order is {key, kind, reverse, tie, field}. Of kind 'score' the index has a number for each id;
-- of kind 'text' it has whole strings (value, NUL, id). Ids of one number make a group, which the
-- row's `field` or the ids themselves put in order. In an index of strings a group is what has the
-- same bytes before the first NUL: up to there the order of the index is that of the values.
--
-- What has no value in the index comes last, either way round, in the order of ids.

-- @include lib/groups
-- @include lib/walks

-- The ranks between which the order's index is walked: all, or those of a filter on the same index.
local function bound_order(search)
    local order = search.order
    order.first, order.stop = 0, ask('ZCARD', order.key)
    order.size = order.stop
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
    if size < search.chunk or not is_by_id(search.order, to_score(group)) then
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

-- The members that match, as three lists: ids, groups, and values. A filter on the same index is
-- not asked again, but for what its bounds do not say.
local MATCHING = {}

function MATCHING.score(search, members)
    local order, ids, groups, at = search.order, {}, {}, 1
    for position = 1, #members, 2 do
        ids[#ids + 1] = members[position]
    end
    local bound = order.part and search.parts[order.part]
    ids = keep_all(search, ids, bound and not bound.exact and {[bound] = true})
    for position, id in ipairs(ids) do
        while members[at] ~= id do
            at = at + 2
        end
        groups[position] = to_score(members[at + 1])
    end
    return {ids = ids, groups = groups}
end

function MATCHING.text(search, members)
    local order, ids, member_of = search.order, {}, {}
    local bound = order.part and search.parts[order.part]
    for _, member in ipairs(members) do
        local value, id = value_and_id(member)
        if id and (not bound or is_value_within(bound, value)) then
            ids[#ids + 1] = id
            member_of[id] = member
        end
    end
    local groups, values = {}, {}
    ids = keep_all(search, ids, bound and {[bound] = true})
    for position, id in ipairs(ids) do
        local member = member_of[id]
        groups[position], values[position] = head_of(member), value_and_id(member)
    end
    return {ids = ids, groups = groups, values = values}
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

-- Along the order's index.
function WALK.order(search, position)
    local order = search.order
    local rank = position.rank
        or position.past and rank_past(order, position.past)
        or (order.reverse and order.stop or order.first)
    local members, upto, group = next_members(search, rank)
    if group then
        return {mode = 'group', group = group}
    end
    search.looked = search.looked + math.abs(upto - rank)
    pour(search.sink, sorted_by_groups(search, MATCHING[order.kind](search, members)))
    return after_group(search, upto, name_of_group(order, members, order.reverse))
end

-- Along all ids, for those of one large group.
function WALK.group(search, position)
    local order, group = search.order, position.group
    local from = position.from and tonumber(position.from)
    local ids, looked
    if order.reverse then
        ids, looked = ids_below(search.model, from, next_chunk(search))
    else
        ids, looked = ids_above(search.model, from or 0, next_chunk(search))
    end
    search.looked = search.looked + #ids + 1
    local scores, wanted = ask_each('ZMSCORE', order.key, ids), to_score(group)
    ids = those(ids, function(_, at) return scores[at] and to_score(scores[at]) == wanted end)
    pour(search.sink, keep_all(search, ids))
    if looked then
        return {mode = 'group', group = group, from = write_id(looked)}
    end
    return after_group(search, rank_past(order, group), group)
end

-- The ids that the order's index lacks.
local function those_without(search, ids)
    local order = search.order
    if order.kind == 'text' then
        return those(ids, function(id)
            local value = value_in_row(search.model, id, order.field)
            return not value or value == ''
        end)
    end
    local scores = ask_each('ZMSCORE', order.key, ids)
    return those(ids, function(_, position) return not scores[position] end)
end

-- Along the ids of what matches and has no value in the order's index.
function WALK.tail(search, position)
    local driver = search.driver
    if driver and not position.after and search.parts[driver].size <= search.small then
        pour(search.sink, sorted_ids(those_without(search, gather(search, driver))))
        return nil
    end
    local ids, looked = next_ids(search, position)
    pour(search.sink, those_without(search, keep_existing(search, keep_all(search, ids))))
    return looked and {mode = 'tail', after = write_id(looked)}
end
