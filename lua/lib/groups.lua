-- Groups of an order: ids of one number, or of strings with one beginning, and how they are sorted.
-- What an order is, lib/order says.

-- @include lib/lists
-- @include lib/numbers

local COMPARE = {integer = compare_integers, text = compare_bytes, text_ci = compare_bytes}

-- Whether only the ids put a group in order.
local function is_by_id(order, group)
    return order.kind == 'score'
        and (order.tie == 'id' or order.tie == 'integer' and math.abs(group) < INEXACT)
end

-- What is compared within a group.
local function tie_of(search, id)
    local order = search.order
    local value = value_in_row(search.model, id, order.field)
    if order.tie == 'integer' then
        return value or '0'
    end
    value = value or ''
    return order.tie == 'text_ci' and string.lower(value) or value  -- of ASCII; the rest as it is
end

-- The ids from `first` to `last`, which are one group.
local function sorted_group(search, found, first, last)
    if is_by_id(search.order, found.groups[first]) then
        return sorted_ids(slice(found.ids, first, last))
    end
    local compare = COMPARE[search.order.kind == 'text' and 'text' or search.order.tie]
    local entries, ids = {}, {}
    for position = first, last do
        local id = found.ids[position]
        local tie = found.values and found.values[position] or tie_of(search, id)
        entries[#entries + 1] = {id = id, tie = tie}
    end
    table.sort(entries, function(a, b)
        local by_tie = compare(a.tie, b.tie)
        if by_tie == 0 then
            by_tie = compare_integers(a.id, b.id)
        end
        return by_tie < 0
    end)
    for position, entry in ipairs(entries) do
        ids[position] = entry.id
    end
    return ids
end

local function reversed(list)
    local turned = {}
    for position = #list, 1, -1 do
        turned[#turned + 1] = list[position]
    end
    return turned
end

-- Sorted ids, in the order that was asked for. `found` has three lists, in the order of groups:
-- ids, groups and, of kind 'text', values.
local function sorted_by_groups(search, found)
    local ids, groups, sorted, first = found.ids, found.groups, {}, 1
    for position, id in ipairs(ids) do
        if groups[position + 1] ~= groups[position] then
            if first == position then
                sorted[#sorted + 1] = id
            else
                append(sorted, sorted_group(search, found, first, position))
            end
            first = position + 1
        end
    end
    return search.order.reverse and reversed(sorted) or sorted
end
