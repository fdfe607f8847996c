-- Tallies: the values of one column in the rows of some ids, counted by value or by interval, or
-- added up. The sums are exact: a sum that a double cannot hold is kept in several, and values that
-- Lua cannot add are returned to the caller.
--
-- A tally is {field, way, alone, absent}; `alone` is for search.lua; `absent` is the column's
-- default, for rows that lack the column. The result is a list of three:
--
-- way      count                    list of results                 list of id, value
-- values   rows without the column  value, how many, one id; ...    empty
-- elements the same                 the same, for each element      empty
-- float    values                   numbers whose sum is the result values that were not added
-- integer  values                   scale, place, carried, sum; ... the same
-- decimal  values                   the same                        the same
-- texts    values                   empty                           empty
-- several, with `fields` and `absents`: see lib/facets
-- intervals, with `bounds`: see lib/intervals
--          0                        how many in each interval       values that were not compared
--
-- An integer is the sum of (carried * 2^52 + sum) * 10^(15 * (place - 1)); a decimal is that sum
-- divided by 10^scale. An element is returned as a JSON array of one. With `texts`, the result has
-- a fourth part: the values, separated by spaces. The caller adds them up, which is faster.
--
-- The ids are a list, or one of lib/entry_values.

-- @include lib/numbers

local CARRY = 4503599627370496         -- 2^52: plus a limb's value, a double still holds it exactly
local LARGEST_SUMMAND = 2 ^ 990        -- the sum of many of them is still below the largest double
local MOST_VALUES = 400000             -- bytes of values in one call
local NEW_VALUE = 45                   -- bytes that a value counts when a range has it first

-- Locals, because they are called for thousands of ids, and a global lookup is slower.
local read, find, sub, type, tonumber = redis.pcall, string.find, string.sub, type, tonumber

-- The ids from this place on.
local function ids_from(ids, place)
    local rest = {}
    for left = place, ids.count or #ids do
        rest[#rest + 1] = ids[left]
    end
    return rest
end

-- The default, if a row lacks the column; false without a default or a row; nil if the key holds
-- another type. `found` is the reply of HGET, which is not a text.
local function value_instead(key, tally, found)
    if not found then
        return tally.absent and redis.call('EXISTS', key) == 1 and tally.absent or false
    elseif not find(found.err, 'WRONGTYPE', 1, true) then
        error(found.err)
    end
end

-- Call `see(place, value)` for each id; the value is false if the row lacks it or is gone. The
-- result of `see` counts as further bytes. Returns the ids whose key holds no row, and the last
-- ids, if their values would have been too many bytes.
local function read_column(head, tally, ids, see)
    local unreadable, bytes, field, read_values = {}, 0, tally.field, ids.read_values
    local entries = ids.entries
    local values, before, last = {}, 0, read_values and 0 or math.huge
    for place = 1, ids.count or #ids do
        if bytes > MOST_VALUES then
            return unreadable, ids_from(ids, place)
        elseif place > last then
            before = last
            values, last = read_values(ids, place, bytes)
        end
        local value = values[place - before]
        if not value then
            local key = head .. ids[place]
            value = read('HGET', key, field)
            if type(value) ~= 'string' then
                value = value_instead(key, tally, value)
            end
            if entries then
                entries.missing = entries.missing + 1
            end
        end
        if value then
            bytes = bytes + #value + (see(place, value) or 0)
        elseif value == false then
            see(place, value)
        else
            unreadable[#unreadable + 1] = ids[place]
        end
    end
    return unreadable, {}
end

-- Add to one limb of an integer; the excess over 2^52 is counted in `carried`.
local function add_limb(limbs, place, number)
    local limb = limbs[place]
    if not limb then
        limb = {sum = 0, carried = 0}
        limbs[place] = limb
    end
    local sum = limb.sum + number
    if sum >= CARRY then
        sum, limb.carried = sum - CARRY, limb.carried + 1
    elseif sum <= -CARRY then
        sum, limb.carried = sum + CARRY, limb.carried - 1
    end
    limb.sum = sum
end

-- Add an integer of any length.
local function add_digits(limbs, is_negative, digits)
    local place, last = 1, #digits
    while last > 0 do
        local first = last > EXACT_DIGITS and last - EXACT_DIGITS + 1 or 1
        local number = tonumber(sub(digits, first, last))
        add_limb(limbs, place, is_negative and -number or number)
        place, last = place + 1, first - 1
    end
end

local function write_limbs(scales)
    local parts = {}
    for scale, limbs in pairs(scales) do
        for place, limb in ipairs(limbs) do
            for _, number in ipairs({scale, place, limb.carried, limb.sum}) do
                parts[#parts + 1] = string.format('%.0f', number)
            end
        end
    end
    return parts
end

-- Add a number to doubles whose sum is exact: each rounding error is kept as a further double.
local function add_exactly(parts, number)
    local kept = 0
    for position = 1, #parts do
        local other = parts[position]
        local sum = number + other
        local more = sum - number
        local lost = (number - (sum - more)) + (other - more)
        if lost ~= 0 then
            kept = kept + 1
            parts[kept] = lost
        end
        number = sum
    end
    for position = #parts, kept + 2, -1 do
        parts[position] = nil
    end
    parts[kept + 1] = number
end

-- For each way: a function that adds a value, and returns false if it cannot; and one that returns
-- the result.
local ADD = {}

function ADD.integer()
    local limbs = {}
    return function(value)
        local is_short = #value <= EXACT_DIGITS
        if is_short and find(value, '^%-?%d+$') then
            add_limb(limbs, 1, tonumber(value))
            return true
        end
        local sign, digits = string.match(value, '^(%-?)(%d+)$')
        if digits then
            add_digits(limbs, sign == '-', digits)
        end
        return digits
    end, function() return write_limbs({[0] = limbs}) end
end

function ADD.decimal()
    local scales = {}
    return function(value)
        local sign, whole, part = string.match(value, '^(%-?)(%d+)%.?(%d*)$')
        if whole then
            local limbs = scales[#part] or {}
            scales[#part] = limbs
            add_digits(limbs, sign == '-', whole .. part)
        end
        return whole
    end, function() return write_limbs(scales) end
end

-- Lua reads hexadecimal numbers as well; rom does not.
local function to_summand(value)
    local number = tonumber(value)
    local is_plain = number and number < LARGEST_SUMMAND and number > -LARGEST_SUMMAND
    return is_plain and not find(value, 'x', 1, true) and not find(value, 'X', 1, true) and number
end

function ADD.float()
    local sums = {}
    return function(value)
        local number = to_summand(value)
        if not number then
            return false
        end
        add_exactly(sums, number)
        return true
    end, function()
        local parts = {}
        for position, number in ipairs(sums) do
            parts[position] = string.format('%.17g', number)
        end
        return parts
    end
end

local function add_up(head, tally, ids)
    local count, rest = 0, {}
    local add, result = ADD[tally.way]()
    local unreadable, left = read_column(head, tally, ids, function(place, value)
        if value then
            count = count + 1
            if not add(value) then
                rest[#rest + 1] = ids[place]
                rest[#rest + 1] = value
            end
        end
    end)
    return {string.format('%.0f', count), result(), rest}, unreadable, left
end

local function join_texts(head, tally, ids)
    local texts, count = {}, 0
    local unreadable, left = read_column(head, tally, ids, function(_, value)
        if value then
            count = count + 1
            texts[count] = value
        end
    end)
    return {string.format('%.0f', count), {}, {}, table.concat(texts, ' ')}, unreadable, left
end

-- The function that splits a collection; made where a collection is tallied, as few are.
local function splitter()
    -- @include lib/elements
    return elements_of
end

local function write_counts(without, counts, holder)
    local parts = {}
    for value, count in pairs(counts) do
        parts[#parts + 1] = value
        parts[#parts + 1] = string.format('%.0f', count)
        parts[#parts + 1] = holder[value]
    end
    return {string.format('%.0f', without), parts, {}}
end

local function count_values(head, tally, ids)
    local without, counts, holder = 0, {}, {}
    local elements_of = tally.way == 'elements' and splitter()
    local function note_without(place)
        if redis.call('EXISTS', head .. ids[place]) == 1 then
            without = without + 1
        end
    end
    local function see(place, value)
        local count = counts[value]
        if count then
            counts[value] = count + 1
        elseif value then
            counts[value], holder[value] = 1, ids[place]
            return ids.entries and NEW_VALUE
        else
            note_without(place)
        end
    end
    local last = {}                                   -- the place of the last row with an element
    local function see_elements(place, value)
        for _, element in ipairs(value and elements_of(value) or {}) do
            if last[element] ~= place then            -- a list may repeat an element
                last[element] = place
                see(place, element)
            end
        end
        if not value then
            note_without(place)
        end
    end
    local unreadable, left = read_column(head, tally, ids, elements_of and see_elements or see)
    return write_counts(without, counts, holder), unreadable, left
end

local function open_intervals()
    -- @include lib/intervals
    return count_intervals
end

local function open_facets()
    -- @include lib/facets
    return count_several
end

local WORK = {
    values = count_values,
    elements = count_values,
    texts = join_texts,
    several = function(...) return open_facets()(...) end,
    intervals = function(...) return open_intervals()(...) end,
}

-- The tally of some ids, the ids whose key holds no row, and the ids left for a later call.
local function tally_ids(head, tally, ids)
    local work = WORK[tally.way] or add_up
    return work(head, tally, ids)
end
