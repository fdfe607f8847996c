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

-- The values of one row in a chunk of lib/entry_values; nil if none of them is there.
local function known_row(values, before, width)
    local row, has_any = {}, false
    for place = 1, width do
        row[place] = values[before + place]
        has_any = has_any or row[place]
    end
    return has_any and row or nil
end

-- Count the values of a row, or their elements, and return the number of bytes.
local function count_row(columns, values, ids, position)
    local bytes = 0
    for place, column in ipairs(columns) do
        local value = values[place] or column.absent
        if not value then
            column.without = column.without + 1
        else
            bytes = bytes + #value
            for _, part in ipairs(column.split and column.split(value) or {value}) do
                local count = column.counts[part]
                if not count then
                    column.holder[part] = ids[position]
                    bytes = bytes + (ids.entries and NEW_VALUE or 0)
                end
                if column.last[part] ~= position then    -- a list may repeat an element
                    column.last[part] = position
                    column.counts[part] = (count or 0) + 1
                end
            end
        end
    end
    return bytes
end

local function count_several(head, tally, ids)
    local fields, columns, unreadable, left, bytes = tally.fields, {}, {}, {}, 0
    local values, before, last = nil, 0, ids.read_values and 0 or math.huge
    for place = 1, #fields do
        columns[place] = {
            without = 0, counts = {}, holder = {}, last = {}, absent = tally.absents[place],
            split = tally.splits[place] and splitter(),
        }
    end
    for position = 1, ids.count or #ids do
        if bytes > MOST_VALUES then
            left = ids_from(ids, position)
            break
        end
        if position > last then
            before = last
            values, last = ids:read_values(position, bytes)
        end
        local row = values and known_row(values, (position - before - 1) * #fields, #fields)
        if not row then
            row = read_row(head .. ids[position], fields)
            if ids.entries then
                ids.entries.missing = ids.entries.missing + 1
            end
        end
        if row then
            bytes = bytes + count_row(columns, row, ids, position)
        elseif row == false then
            unreadable[#unreadable + 1] = ids[position]
        end
    end
    local tallies = {}
    for place, column in ipairs(columns) do
        tallies[place] = write_counts(column.without, column.counts, column.holder)
    end
    return tallies, unreadable, left
end
