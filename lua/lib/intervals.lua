-- Counts of values in intervals: the way `intervals` of lib/tally, which this is a part of.
--
-- The tally has `bounds`: numbers as text, in ascending order. There is one interval more than
-- bounds: below the first one, from each one to the next, and from the last one on.
--
-- Doubles compare the numbers. Two texts with different doubles are in the order of these. Two with
-- the same double are equal if they have at most fifteen digits; otherwise the caller compares.

-- @include lib/numbers

local PLAIN, WITH_EXPONENT = '^%-?%d+%.?%d*$', '^%-?%d+%.?%d*[eE][%+%-]?%d+$'

local function to_number(text)
    return (find(text, PLAIN) or find(text, WITH_EXPONENT)) and tonumber(text)
end

local function is_short(text)
    return #text <= EXACT_DIGITS and find(text, PLAIN)
end

-- The number of bounds up to a number.
local function bounds_upto(numbers, number)
    local low, high = 0, #numbers
    while low < high do
        local middle = math.floor((low + high + 1) / 2)
        if numbers[middle] <= number then
            low = middle
        else
            high = middle - 1
        end
    end
    return low
end

-- The place of the interval of a value, counted from 0; nil if doubles do not show it.
local function interval_of(bounds, numbers, value)
    local number = to_number(value)
    if not number then
        return nil
    end
    local place = bounds_upto(numbers, number)
    local bound = bounds[place]
    if numbers[place] == number and bound ~= value
        and not (is_short(bound) and is_short(value)) then
        return nil
    end
    return place
end

local function count_intervals(head, tally, ids)
    local bounds, numbers, counts, rest, parts = tally.bounds, {}, {}, {}, {}
    for place, bound in ipairs(bounds) do
        numbers[place] = tonumber(bound)
    end
    local unreadable, left = read_column(head, tally, ids, function(row, value)
        local place = value and interval_of(bounds, numbers, value)
        if place then
            counts[place] = (counts[place] or 0) + 1
        elseif value then
            rest[#rest + 1] = ids[row]
            rest[#rest + 1] = value
        end
    end)
    for place = 0, #bounds do
        parts[place + 1] = string.format('%.0f', counts[place] or 0)
    end
    return {'0', parts, rest}, unreadable, left
end
