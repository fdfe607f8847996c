-- Rows: the values of some fields of some rows.
--
-- The reply has them packed, which is faster than a reply of that many strings: whether any row has
-- a gap, and the list of rows. A row is a list of values, one for each field. A missing value is
-- false; but where the last value is missing, the list is one shorter.

local MOST_FIELDS = 4000  -- in one command; `unpack` fails above some 7,000
local MOST_BYTES = 1048576

-- Return the values of more fields than one command can have, or the error of a command.
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

-- Return the values of fields of a row, false for missing ones; nil for a key of another type.
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

-- Read rows. Return the ids that exist, in the given order; the rows, packed; the ids whose key
-- holds another type; and the ids that were not read, because the rows before them have more than
-- `most` bytes. At least the first row is read.
local function read_rows(head, fields, ids, most)
    local found, rows, unreadable, has_gaps, rest = {}, {}, {}, false, {}
    local count, width, total = 0, #fields, 0
    most = most or MOST_BYTES
    for place = 1, #ids do
        local id = ids[place]
        local key = head .. id
        if total > most then
            for left = place, #ids do
                rest[#rest + 1] = ids[left]
            end
            break
        end
        local row = read_row(key, fields)
        if not row then
            unreadable[#unreadable + 1] = id
        else
            row[width] = row[width] or nil  -- drop the last value if it is missing
            if row[1] or has_any(row) or redis.call('EXISTS', key) == 1 then
                count = count + 1
                found[count], rows[count] = id, row
                for position = 1, #row do
                    local value = row[position]
                    if value then
                        total = total + #value
                    else
                        has_gaps = true
                    end
                end
            end
        end
    end
    return found, cmsgpack.pack({has_gaps, rows}), unreadable, rest
end
