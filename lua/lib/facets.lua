-- Counts by the value of several columns: the way `several` of lib/tally, which this is a part of.
--
-- The tally has `fields`, and for each of them, in `absents`, the value of rows that lack it, or
-- false; and in `splits`, whether the elements of collections are counted.
-- The result is a list of tallies of the way `values`, one for each field.

-- Read a row; nil if its key holds none, and false if it holds another type.
local function read_row(key, fields)
    local values = read('HMGET', key, unpack(fields))
    if values.err then
        if not find(values.err, 'WRONGTYPE', 1, true) then
            error(values.err)
        end
        return false
    end
    for place = 1, #fields do
        if values[place] then
            return values
        end
    end
    return redis.call('EXISTS', key) == 1 and values or nil
end

-- Count the values of a row, or their elements, and return the number of bytes.
local function count_row(columns, values, id)
    local bytes = 0
    for place, column in ipairs(columns) do
        local value = values[place] or column.absent
        if not value then
            column.without = column.without + 1
        else
            bytes = bytes + #value
            for _, part in ipairs(column.split and column.split(value) or {value}) do
                if column.holder[part] ~= id then        -- a list may repeat an element
                    column.counts[part] = (column.counts[part] or 0) + 1
                    column.holder[part] = id
                end
            end
        end
    end
    return bytes
end

local function count_several(head, tally, ids)
    local fields, columns, unreadable, left, bytes = tally.fields, {}, {}, {}, 0
    for place = 1, #fields do
        columns[place] = {
            without = 0, counts = {}, holder = {}, absent = tally.absents[place],
            split = tally.splits[place] and splitter(),
        }
    end
    for position, id in ipairs(ids) do
        if bytes > MOST_VALUES then
            left = ids_from(ids, position)
            break
        end
        local values = read_row(head .. id, fields)
        if values then
            bytes = bytes + count_row(columns, values, id)
        elseif values == false then
            unreadable[#unreadable + 1] = id
        end
    end
    local tallies = {}
    for place, column in ipairs(columns) do
        tallies[place] = write_counts(column.without, column.counts, column.holder)
    end
    return tallies, unreadable, left
end
