-- Rows: the values of some columns of some entities.

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

-- Read rows. Three lists: the ids that exist, in the order given; their values, as many for each as
-- there are fields; and the ids whose key holds something other than a row.
local function read_rows(head, fields, ids)
    local found, values, unreadable = {}, {}, {}
    local count, width = 0, #fields
    for _, id in ipairs(ids) do
        local key = head .. id
        local row = read_row(key, fields)
        if not row then
            unreadable[#unreadable + 1] = id
        else
            local before, is_there = count * width, false
            for position = 1, width do
                local value = row[position]
                values[before + position] = value
                is_there = is_there or value
            end
            if is_there or redis.call('EXISTS', key) == 1 then
                count = count + 1
                found[count] = id
            end
        end
    end
    for position = #values, count * width + 1, -1 do
        values[position] = nil  -- those of a row that is not there
    end
    return found, values, unreadable
end
