-- The values of columns in the rows of a range of an index, without a command for each row.
--
-- SORT_RO reads them. With BY nosort, the entries stay in the order of the index, and GET gives a
-- field of the row that each entry names. Reading row by row takes half as long again.
--
-- Before Redis 7.0, there is no SORT_RO. Servers refuse it to users who may not read all keys, and
-- in most clusters. Then the caller reads row by row, and is told.

local FIRST_ROWS, MOST_ROWS = 16, 500  -- of one command: more and more, while values are short
local MOST_MISSING = 0.5   -- of the values: each missing one takes a command of its own as well
local CHUNK = 500          -- ids of one command

-- Fill in the ids around this place. They are read only where they are asked for.
local function find_id(ids, place)
    local part, begin = ids.entries.part, place - (place - 1) % CHUNK
    local first = ids.entries.first + begin - 1
    local stop = math.min(first + CHUNK, ids.entries.first + ids.count)
    for offset, id in ipairs(ask('ZRANGE', part.key, first, stop - 1)) do
        ids[begin + offset - 1] = id
    end
    return rawget(ids, place)
end

-- The number of rows of the next command, if those so far had so many bytes.
local function rows_of_next(entries, left, bytes)
    local rows = math.min(4 * entries.rows, MOST_ROWS, left)
    if bytes * rows > MOST_VALUES * entries.read then
        rows = math.max(math.floor(MOST_VALUES * entries.read / bytes), 1)
    end
    return rows
end

-- Read the values of some rows from a place on. Return a list of them, a value for each field and
-- row, false for what a row lacks and for rows that are not there; and the last place. The list is
-- empty where the caller should read row by row.
local function read_values(ids, place, bytes)
    local entries = ids.entries
    if entries.missing > entries.read * MOST_MISSING then
        return {}, ids.count
    end
    local first = entries.first + place - 1
    local rows = rows_of_next(entries, ids.count - place + 1, bytes)
    local values = redis.pcall('SORT_RO', entries.part.key, 'BY', 'nosort', 'LIMIT', first, rows,
        unpack(entries.get))
    if values.err then
        error({status = 'refused', what = values.err})
    end
    entries.rows, entries.read = rows, entries.read + rows
    return values, place + rows - 1
end

-- The entries of a part: `count` of them, from the rank `first` on. The result is a list of ids, as
-- lib/tally takes it, which is filled in when it is read.
local function open_entries(head, fields, part, first, count)
    local get = {}
    for place, field in ipairs(fields) do
        get[2 * place - 1], get[2 * place] = 'GET', head .. '*->' .. field
    end
    local ids = {
        count = count,
        read_values = read_values,
        entries = {
            part = part, first = first, get = get, rows = FIRST_ROWS / 4, read = 0, missing = 0,
        },
    }
    return setmetatable(ids, {
        __index = function(_, place)
            return type(place) == 'number' and place <= count and find_id(ids, place) or nil
        end,
    })
end
