-- Rows as their writer saw them. See ../commit.lua, which defines what this uses.

-- Return the fields whose values differ from the expected ones.
local function differences(fields, found, expected)
    local differing = {}
    for position, field in ipairs(fields) do
        if found[position] ~= expected[position] then
            differing[#differing + 1] = field
        end
    end
    return differing
end

local function is_empty(values)
    for _, value in ipairs(values) do
        if value then
            return false
        end
    end
    return true
end

-- Compare rows with the expected values. `when_gone` is the status for a row that does not exist;
-- nil accepts it.
local function rows_are_as_expected(rows, when_gone)
    for _, row in ipairs(rows) do
        local key, fields, expected = row[1], row[2], row[3]
        local is_hash, found = pcall(fields_of, key, fields)
        if not is_hash then
            return unreadable(key, found)
        end
        if is_empty(found) and redis.call('EXISTS', key) == 0 then
            if when_gone then
                return {when_gone, key}
            end
        else
            local differing = differences(fields, found, expected)
            if #differing > 0 then
                return {'race', key, unpack(differing)}
            end
        end
    end
end
