-- Matches sorted by a column: by walking the column's index, or by sorting what matches.
--
-- An order is {key, kind, reverse, tie, field}. Of kind 'score' the index has a number for each id; of
-- kind 'text' it has whole strings (value, NUL, id). Ids of one number make a group, which the row's
-- `field` or the ids themselves put in order. In an index of strings a group is what has the same bytes
-- before the first NUL: up to there the order of the index is that of the values.
--
-- What has no value in the index comes last, either way round, in the order of ids.

local COMPARE = {integer = compare_integers, text = compare_bytes, text_ci = compare_bytes}

-- What is compared within a group; nil where only the ids are.
local function tie_of(search, entry)
    local order = search.order
    if order.kind == 'text' then
        return entry.value
    end
    if order.tie == 'id' or order.tie == 'integer' and math.abs(entry.group) < INEXACT then
        return nil
    end
    local value = ask('HGET', search.model.head .. entry.id, order.field)
    if order.tie == 'integer' then
        return value or '0'
    end
    value = value or ''
    return order.tie == 'text_ci' and string.lower(value) or value  -- of ASCII; the rest as it is
end

local function sort_group(search, group)
    for _, entry in ipairs(group) do
        entry.tie = tie_of(search, entry)
        entry.number = #entry.id <= EXACT_DIGITS and tonumber(entry.id) or nil
    end
    local compare = COMPARE[search.order.kind == 'text' and 'text' or search.order.tie]
    table.sort(group, function(a, b)
        local by_tie = a.tie and compare(a.tie, b.tie) or 0
        if by_tie ~= 0 then
            return by_tie < 0
        elseif a.number and b.number then
            return a.number < b.number
        end
        return compare_integers(a.id, b.id) < 0
    end)
end

-- The ids of entries that are in the order of their groups, in the order that was asked for.
local function sorted_by_groups(search, entries)
    local ids, group = {}, {}
    for position, entry in ipairs(entries) do
        local following = entries[position + 1]
        group[#group + 1] = entry
        if not following or following.group ~= entry.group then
            if #group > 1 then
                sort_group(search, group)
            end
            for _, sorted in ipairs(group) do
                ids[#ids + 1] = sorted.id
            end
            group = {}
        end
    end
    if search.order.reverse then
        for position = 1, math.floor(#ids / 2) do
            local opposite = #ids + 1 - position
            ids[position], ids[opposite] = ids[opposite], ids[position]
        end
    end
    return ids
end

-- Walking.

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

-- The ranks at which a group begins and ends, within bounds. It is named by its head, or its score.
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

local function name_of_group(order, members, position)
    return order.kind == 'text' and head_of(members[position]) or members[position + 1]
end

-- Members and scores, in turn, of the next groups, all of them whole; and their ranks.
local function next_members(search, rank)
    local order, chunk = search.order, next_chunk(search)
    local function read(first, stop)
        return first < stop and ask('ZRANGE', order.key, first, stop - 1, 'WITHSCORES') or {}
    end
    if order.reverse then
        local first = math.max(rank - chunk, order.first)
        local members = read(first, rank)
        local whole = #members > 0 and ranks_of_group(order, name_of_group(order, members, 1)) or first
        local all = read(whole, first)
        append(all, members)
        return all, whole, rank
    end
    local stop = math.min(rank + chunk, order.stop)
    local members = read(rank, stop)
    local whole = stop
    if #members > 0 then
        local _
        _, whole = ranks_of_group(order, name_of_group(order, members, #members - 1))
        append(members, read(stop, whole))
    end
    return members, rank, whole
end

-- Members that match, as entries.
local function matching_entries(search, members)
    local order, ids, of_id = search.order, {}, {}
    local bound = order.part and search.parts[order.part]
    for position = 1, #members, 2 do
        local entry
        if order.kind == 'text' then
            local value, id = value_and_id(members[position])
            entry = {id = id, value = value, group = head_of(members[position])}
        else
            entry = {id = members[position], group = to_score(members[position + 1])}
        end
        local is_within = not bound
            or bound.kind == 'lex' and entry.id and is_value_within(bound, entry.value)
            or bound.kind == 'range' and (not bound.exact
                or is_exactly_within(search.model, bound, entry.id, entry.group))
        if entry.id and is_within then
            ids[#ids + 1] = entry.id
            of_id[entry.id] = entry
        end
    end
    local entries = {}
    for position, id in ipairs(keep_all(search, ids, order.part)) do
        entries[position] = of_id[id]
    end
    return entries
end

-- Whether there may be matches that the order's index lacks.
local function has_tail(search)
    local order, model = search.order, search.model
    return not order.part and not (model.bytes and order.size >= model.span)
end

-- Along the order's index.
function WALK.order(search, position)
    local order = search.order
    local rank = position.rank
    if not rank and position.past then
        local first, stop = ranks_of_group(order, position.past)
        rank = order.reverse and first or stop
    end
    rank = rank or (order.reverse and order.stop or order.first)
    local members, first, stop = next_members(search, rank)
    search.looked = search.looked + #members / 2
    pour(search.sink, sorted_by_groups(search, matching_entries(search, members)))
    local is_last
    if order.reverse then
        is_last = first <= order.first
    else
        is_last = stop >= order.stop
    end
    if is_last then
        return has_tail(search) and {mode = 'tail'} or nil
    end
    return {
        mode = 'order',
        rank = order.reverse and first or stop,
        past = name_of_group(order, members, order.reverse and 1 or #members - 1),
    }
end

-- The ids that the order's index lacks.
local function those_without(search, ids)
    local order = search.order
    if order.kind == 'text' then
        return those(ids, function(id)
            local value = ask('HGET', search.model.head .. id, order.field)
            return not value or value == ''
        end)
    end
    local scores = ask_each('ZMSCORE', order.key, ids)
    return those(ids, function(_, position) return not scores[position] end)
end

-- Along the ids of what matches and has no value in the order's index.
function WALK.tail(search, position)
    local driver = search.driver
    if driver and search.parts[driver].size <= search.small then
        pour(search.sink, those_without(search, gather(search, driver)))
        return nil
    end
    local ids, looked = ids_above(search.model, tonumber(position.after or '0'), next_chunk(search))
    search.looked = search.looked + #ids
    pour(search.sink, those_without(search, keep_existing(search, keep_all(search, ids))))
    return looked and {mode = 'tail', after = write_id(looked)}
end

-- Sorting.

-- Of entries, those among the first `wanted` by score, and all that share the last one's.
local function cut(entries, wanted, reverse)
    if wanted >= #entries then
        return entries
    end
    local scores = {}
    for position, entry in ipairs(entries) do
        scores[position] = entry.group
    end
    table.sort(scores)
    local limit = reverse and scores[#scores - wanted + 1] or scores[wanted]
    local kept = {}
    for _, entry in ipairs(entries) do
        if reverse and entry.group >= limit or not reverse and entry.group <= limit then
            kept[#kept + 1] = entry
        end
    end
    return kept
end

-- All matches, gathered and sorted by score.
function WALK.sort(search, position)
    local order, sink = search.order, search.sink
    local ids = gather(search, position.part)
    local scores = ask_each('ZMSCORE', order.key, ids)
    local entries, without = {}, {}
    for index, id in ipairs(ids) do
        if scores[index] then
            entries[#entries + 1] = {id = id, group = to_score(scores[index])}
        else
            without[#without + 1] = id
        end
    end
    entries = cut(entries, sink.skip + sink.need, order.reverse)
    table.sort(entries, function(a, b) return a.group < b.group end)
    pour(sink, sorted_by_groups(search, entries))
    pour(sink, without)
end
