-- Rows: the values of some columns of some entities.
--
-- They are replied packed, which is less work than a reply of so many strings: whether one of the
-- rows has a gap, and a list of rows. A row is a list of values, one for each of the fields. In a
-- gap there is false; but the last value, if there is none, is just left out.

local MOST_FIELDS = 4000  -- in one command; `unpack` takes some 7,000

-- The values of so many fields that it takes several commands; or the error of one.
local function read_wide_row(key, fields)
    local values = {}
    for first = 1, #fields, MOST_FIELDS do
        local last = math.min(first + MOST_FIELDS - 1, #fields)
        local some = redis.pcall('HMGET', key, unpack(fields, first, last))
        if some.err then
            return some
        end
        for position = 1, #some do
            values[first + position - 1] = some[position]
        end
    end
    return values
end

-- The values of some fields of a row, false where there is none; nil for a key that holds no row.
local function read_row(key, fields)
    local row = #fields > MOST_FIELDS and read_wide_row(key, fields)
        or redis.pcall('HMGET', key, unpack(fields))
    if not row.err then
        return row
    elseif not string.find(row.err, 'WRONGTYPE', 1, true) then
        error(row.err)
    end
end

local function has_any(row)
    for position = 1, #row do
        if row[position] then
            return true
        end
    end
    return false
end

local function has_gap(row)
    for position = 1, #row do
        if not row[position] then
            return true
        end
    end
    return false
end

-- Read rows: the list of the ids that exist, in the order given; the rows, packed; and the list of
-- the ids whose key holds something other than a row.
local function read_rows(head, fields, ids)
    local found, rows, unreadable, has_gaps = {}, {}, {}, false
    local count, width = 0, #fields
    for _, id in ipairs(ids) do
        local key = head .. id
        local row = read_row(key, fields)
        if not row then
            unreadable[#unreadable + 1] = id
        else
            row[width] = row[width] or nil  -- false, where there is no value
            if row[1] or has_any(row) or redis.call('EXISTS', key) == 1 then
                count = count + 1
                found[count], rows[count] = id, row
                has_gaps = has_gaps or has_gap(row)
            end
        end
    end
    return found, cmsgpack.pack({has_gaps, rows}), unreadable
end
