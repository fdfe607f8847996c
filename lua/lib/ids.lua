-- All ids of a model, in order, some at a time: those in the live bitmap; or, without a bitmap,
-- every number up to the counter, because each may be an id.

-- @include lib/far_names
-- @include lib/model
-- @include lib/numbers

local MOST_IDS = 4294967296   -- the most that a bitmap holds; trying more numbers takes too long
local SMALLEST_WINDOW = 32    -- bytes of the bitmap read at once; a byte has up to eight ids
local LARGEST_WINDOW = 65536

-- The positions of the set bits of a byte, computed on first use. Bit 0 is the highest, as in
-- SETBIT.
local BITS = setmetatable({}, {
    __index = function(known, byte)
        local set = {}
        for offset = 0, 7 do
            if bit.band(byte, bit.rshift(128, offset)) ~= 0 then
                set[#set + 1] = offset
            end
        end
        known[byte] = set
        return set
    end,
})

local function refuse_too_many(model)
    if model.last > MOST_IDS then
        error({status = 'too many ids', what = write_id(model.last)})
    end
end

-- Return far ids between two bounds, in the direction of the command, without their padding.
local function far_ids(model, command, from, to, limit)
    local ids = {}
    for place, padded in ipairs(ask(command, model.live .. FAR, from, to, 'LIMIT', 0, limit)) do
        ids[place] = string.match(padded, '^0*(%d+)$')
    end
    return ids
end

local function bound_at(number)
    return '(' .. as_far(write_id(number))
end

-- Return far ids above `after`, with the same results as `ids_above`.
local function far_above(model, after, limit)
    local ids = far_ids(model, 'ZRANGEBYLEX', bound_at(after), '+', limit)
    return ids, #ids == limit and tonumber(ids[limit]) or nil
end

-- Return ids above `after`, ascending, and the number up to which they are complete; nil there
-- means that no ids are left.
local function ids_above(model, after, limit)
    local ids = {}
    if model.last then
        refuse_too_many(model)
        local stop = math.min(after + limit, model.last)
        for number = after + 1, stop do
            ids[#ids + 1] = write_id(number)
        end
        return ids, stop < model.last and stop or nil
    end
    local first_bit = ask('BITPOS', model.live, 1, math.floor((after + 1) / 8))
    if first_bit < 0 then
        return far_above(model, after, limit)
    end
    local first = math.floor(first_bit / 8)
    local size = math.max(math.floor(limit / 8), 1)
    local window = ask('GETRANGE', model.live, first, first + size - 1)
    local count, format = 0, string.format
    for place = 1, #window do
        local before, set = (first + place - 1) * 8, BITS[string.byte(window, place)]
        for position = 1, #set do
            if before + set[position] > after then
                count = count + 1
                ids[count] = format(WHOLE, before + set[position])
            end
        end
    end
    local looked = first + #window
    local is_end = looked >= model.bytes and model.far == 0
    return ids, not is_end and math.min(looked, model.bytes) * 8 - 1 or nil
end

-- Return ids below `before`, descending, and the number down to which they are complete; nil there
-- means that no ids are left. `before` nil: from the highest id.
local function ids_below(model, before, limit)
    local ids = {}
    if model.last then
        refuse_too_many(model)
        local from = math.min((before or math.huge) - 1, model.last)
        local stop = math.max(from - limit + 1, 1)
        for number = from, stop, -1 do
            ids[#ids + 1] = write_id(number)
        end
        return ids, stop > 1 and stop or nil
    end
    if model.far > 0 then
        local from = before and before <= MOST_EXACT and bound_at(before) or '+'
        ids = far_ids(model, 'ZREVRANGEBYLEX', from, '-', limit)
        if #ids > 0 then
            return ids, tonumber(ids[#ids])
        end
    end
    local size = math.max(math.floor(limit / 8), SMALLEST_WINDOW)
    before = math.min(before or math.huge, model.bytes * 8)
    local stop = math.ceil(before / 8)
    while stop > 0 and #ids == 0 do
        local first = math.max(stop - size, 0)
        local window = ask('GETRANGE', model.live, first, stop - 1)
        for place = #window, 1, -1 do
            local start = (first + place - 1) * 8
            local set = BITS[string.byte(window, place)]
            for position = #set, 1, -1 do
                if start + set[position] < before then
                    ids[#ids + 1] = string.format(WHOLE, start + set[position])
                end
            end
        end
        stop, size = first, math.min(size * 4, LARGEST_WINDOW)
    end
    return ids, stop > 0 and stop * 8 or nil
end
