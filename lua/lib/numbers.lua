-- Numbers and strings that Lua itself does not compare right: integers past 2^53, ids among them,
-- and bytes, which Lua's `<` compares by the server's locale.

-- @include lib/lists

local INFINITE = {inf = math.huge, ['-inf'] = -math.huge, ['+inf'] = math.huge}
local INEXACT = 9007199254740992  -- 2^53: from here on, a double stands for several integers
local EXACT_DIGITS = 15           -- so many digits always fit into a double
local BLOCK = 64

local function to_score(text)
    return INFINITE[text] or tonumber(text)
end

-- -1, 0 or 1, as strings of bytes compare.
local function compare_bytes(a, b)
    if a == b then
        return 0
    end
    local at = 1
    while string.sub(a, at, at + BLOCK - 1) == string.sub(b, at, at + BLOCK - 1) do
        at = at + BLOCK
    end
    while string.byte(a, at) == string.byte(b, at) do
        at = at + 1
    end
    return (string.byte(a, at) or -1) < (string.byte(b, at) or -1) and -1 or 1
end

-- -1, 0 or 1, as the integers compare that these decimal digits say. Of any length.
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

-- Sort ids as numbers, and leave out repeated ones.
local function sorted_ids(ids)
    local numbers, sorted = {}, {}
    for position, id in ipairs(ids) do
        numbers[position] = #id <= EXACT_DIGITS and tonumber(id) or nil
        if not numbers[position] then
            numbers = nil
            break
        end
    end
    if numbers then
        table.sort(numbers)
        for _, number in ipairs(numbers) do
            sorted[#sorted + 1] = string.format('%.0f', number)
        end
    else
        for position, id in ipairs(ids) do
            sorted[position] = id
        end
        table.sort(sorted, function(a, b) return compare_integers(a, b) < 0 end)
    end
    local single, last = {}, nil
    for _, id in ipairs(sorted) do
        if id ~= last then
            single[#single + 1] = id
            last = id
        end
    end
    return single
end

-- Ids by nothing but themselves.
local function by_id(ids, reverse, mark)
    local sorted = sorted_ids(ids)
    if mark then
        sorted = those(sorted, function(id)
            return compare_integers(id, mark.id) * (reverse and -1 or 1) > 0
        end)
    end
    return reverse and reversed(sorted) or sorted
end
