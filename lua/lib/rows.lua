-- Rows: the values of some columns of some entities.
--
-- They are replied packed, which is less work than a reply of so many strings: whether one of the
-- rows has a gap, and a list of rows. A row is a list of values, one for each of the fields. In a
-- gap there is false; but the last value, if there is none, is just left out.

local MOST_FIELDS = 4000  -- in one command; `unpack` takes some 7,000

-- The values of some fields of a row, false where there is none; nil for a key that holds no row.
local function read_some(key, fields, first, last)
    local some = redis.pcall('HMGET', key, unpack(fields, first, last))
    if not some.err then
        return some
    elseif not string.find(some.err, 'WRONGTYPE', 1, true) then
        error(some.err)
    end
end

local function read_row(key, fields)
    if #fields <= MOST_FIELDS then
        return read_some(key, fields, 1, #fields)
    end
    local values = {}
    for first = 1, #fields, MOST_FIELDS do
        local some = read_some(key, fields, first, math.min(first + MOST_FIELDS - 1, #fields))
        if not some then
            return nil
        end
        for position = 1, #some do
            values[first + position - 1] = some[position]
        end
    end
    return values
end

-- Whether there are any values in a row, and whether they have a gap.
local function look_at_row(row, width)
    local count = 0
    for position = 1, width do
        if row[position] then
            count = count + 1
        end
    end
    if not row[width] then
        row[width] = nil
    end
    return count > 0, count < #row
end

-- Read rows: the list of the ids that exist, in the order given; the rows, packed; and the list of
-- the ids whose key holds something other than a row.
local function read_rows(head, fields, ids)
    local found, rows, unreadable, has_gaps = {}, {}, {}, false
    for _, id in ipairs(ids) do
        local key = head .. id
        local row = read_row(key, fields)
        if not row then
            unreadable[#unreadable + 1] = id
        else
            local has_values, has_gap = look_at_row(row, #fields)
            if has_values or redis.call('EXISTS', key) == 1 then
                found[#found + 1] = id
                rows[#found] = row
                has_gaps = has_gaps or has_gap
            end
        end
    end
    return found, cmsgpack.pack({has_gaps, rows}), unreadable
end
