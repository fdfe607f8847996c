-- Exact sums of values: see lib/tally, which describes the results. Few tallies need them, because
-- the caller adds most values up itself.
--
-- A script that includes this has `read_column` and `find` of lib/tally.

-- @include lib/numbers

local CARRY = 4503599627370496   -- 2^52: plus a limb's value, a double still holds it exactly
local LARGEST_SUMMAND = 2 ^ 990  -- the sum of many of them is still below the largest double

local sub, tonumber = string.sub, tonumber

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
