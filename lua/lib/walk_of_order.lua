-- The walk along the index of an order: see lib/sorting.

-- @include lib/groups
-- @include lib/lists
-- @include lib/members if strings

local MOST_TIED = 2000  -- the largest group that is read at once, and sorted by its rows

-- The name of the group of the first or last member. With kind 'score', scores follow the members.
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

-- Tell whether strings sort the ids of one score; thousands of them may have the same beginning.
local function order_by_text(order)
    return order.tie == 'text' or order.tie == 'text_ci'
end

-- Tell whether to find the ids of a group by an inner walk: they are many, and few are needed.
local function is_too_large(search, first, stop, group)
    local size = stop - first
    if size < search.pace.chunk or not group then
        return false
    elseif not is_by_id(search.order, to_score(group)) then
        if size > MOST_TIED and order_by_text(search.order) then
            refuse_whole()
        end
        return false
    end
    local sink, span = search.sink, search.model.span
    local wanted = sink.need - sink.count + sink.skip - sink.skipped
    local walk = math.min(1, wanted / size) * span
    if walk > SPARSE * size and size > MOST_TIED and size <= LARGE then
        refuse_whole()
    end
    return walk < 2 * size or size > MOST_TIED
end

-- The members of the next whole groups, and the rank after them in the direction of the order; or
-- the name of a group that is too large.
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

-- The members that match, as entries. A filter on the same index is not probed again, except for
-- bounds that a score cannot decide.
local MATCHING = {}

function MATCHING.score(search, members)
    local order, ids, by, at = search.order, {}, {}, 1
    for position = 1, #members, 2 do
        ids[#ids + 1] = members[position]
    end
    local bound = order.part and search.parts[order.part]
    ids = keep_all(search, ids, bound and not bound.exact and {[bound] = true})
    for position, id in ipairs(ids) do
        while members[at] ~= id do
            at = at + 2
        end
        by[position] = to_score(members[at + 1])
    end
    return {ids = ids, by = by}
end

-- The index does not sort values that contain a NUL as values, so these entries are sorted here.
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
    local entries = {ids = keep_all(search, ids, bound and {[bound] = true}), by = {}}
    for position, id in ipairs(entries.ids) do
        entries.by[position] = value_of[id]
    end
    return has_nul and sort_entries(entries, compare_bytes) or entries
end

local function rank_at(order, group)
    local first, stop = ranks_of_group(order, group)
    return order.reverse and stop or first
end

-- Walk along the order's index.
local function walk_order(search, position)
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
