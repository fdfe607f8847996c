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

local MOST_VALUES = 400000             -- bytes of values in one call
local NEW_VALUE = 45                   -- bytes that a value counts when a range has it first

-- Locals, because they are called for thousands of ids, and a global lookup is slower.
local read, find, type = redis.pcall, string.find, type

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

local function open_sums()
    -- @include lib/sums
    return add_up
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
    local work = WORK[tally.way] or open_sums()
    return work(head, tally, ids)
end
