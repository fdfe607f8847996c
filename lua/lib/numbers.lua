-- Comparison and sorting of integers above 2^53, such as ids, and of bytes. Lua's own are wrong for
-- these: a number loses digits, and `<` compares strings by the server's locale.

local INEXACT = 9007199254740992  -- 2^53: from here on, a double stands for several integers
local EXACT_DIGITS = 15           -- this many digits always fit into a double
local BLOCK = 64
-- The format of integers that doubles hold exactly. '%d' takes half the time of '%.0f', but where
-- a C long has 32 bits it cannot write all of them.
local WHOLE = string.format('%d', 4294967295) == '4294967295' and '%d' or '%.0f'

-- Return -1, 0 or 1: the order of two strings of bytes, whose first `same` bytes are equal.
local function compare_bytes(a, b, same)
    if a == b then
        return 0
    end
    local at = (same or 0) + 1
    local one, other = string.byte(a, at), string.byte(b, at)
    if one ~= other then
        return (one or -1) < (other or -1) and -1 or 1
    end
    while string.sub(a, at, at + BLOCK - 1) == string.sub(b, at, at + BLOCK - 1) do
        at = at + BLOCK
    end
    while string.byte(a, at) == string.byte(b, at) do
        at = at + 1
    end
    return (string.byte(a, at) or -1) < (string.byte(b, at) or -1) and -1 or 1
end

-- Return -1, 0 or 1: the order of two integers, as decimal digits of any length.
local function compare_integers(a, b)
    local a_is_negative, b_is_negative = string.sub(a, 1, 1) == '-', string.sub(b, 1, 1) == '-'
    if a_is_negative ~= b_is_negative then
        return a_is_negative and -1 or 1
    end
    local order
    if #a ~= #b then
        order = #a < #b and -1 or 1
    else
        order = compare_bytes(a, b)
    end
    return a_is_negative and -order or order
end

-- Return ids of any length, sorted as numbers, without duplicates.
local function sorted_as_digits(ids)
    local sorted, single = {}, {}
    for position, id in ipairs(ids) do
        sorted[position] = id
    end
    table.sort(sorted, function(a, b) return compare_integers(a, b) < 0 end)
    for _, id in ipairs(sorted) do
        if id ~= single[#single] then
            single[#single + 1] = id
        end
    end
    return single
end

-- Return ids sorted as numbers, without duplicates. Sort doubles where they are exact, which is
-- faster than to compare digits; often the ids are sorted already.
local function sorted_ids(ids)
    local numbers, last, is_sorted = {}, -math.huge, true
    for position, id in ipairs(ids) do
        local number = #id <= EXACT_DIGITS and tonumber(id)
        if not number then
            return sorted_as_digits(ids)
        end
        is_sorted = is_sorted and number > last
        numbers[position], last = number, number
    end
    if is_sorted then
        return ids
    end
    table.sort(numbers)
    local single, count, format = {}, 0, string.format
    last = nil
    for position = 1, #numbers do
        local number = numbers[position]
        if number ~= last then
            count = count + 1
            single[count], last = format(WHOLE, number), number
        end
    end
    return single
end

-- Return ids in numeric order, or in reverse; only those after the mark, if there is one.
local function by_id(ids, reverse, mark)
    local sorted, chosen = sorted_ids(ids), {}
    if not (reverse or mark) then
        return sorted
    end
    local first, last, step = 1, #sorted, 1
    if reverse then
        first, last, step = last, first, -1
    end
    for place = first, last, step do
        if not mark or compare_integers(sorted[place], mark.id) * step > 0 then
            chosen[#chosen + 1] = sorted[place]
        end
    end
    return chosen
end
