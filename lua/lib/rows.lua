-- Rows: the values of some columns of some entities.

-- Read rows. Three lists: the ids that exist, in the order given; their values, as many for each as
-- there are fields; and the ids whose key holds something other than a row.
local function read_rows(head, fields, ids)
    local found, values, unreadable = {}, {}, {}
    local width = #fields
    for _, id in ipairs(ids) do
        local key = head .. id
        local row = redis.pcall('HMGET', key, unpack(fields))
        if row.err then
            unreadable[#unreadable + 1] = id
        else
            local is_there = false
            for position = 1, width do
                is_there = is_there or row[position]
            end
            if is_there or redis.call('EXISTS', key) == 1 then
                local before = #found * width
                found[#found + 1] = id
                for position = 1, width do
                    values[before + position] = row[position]
                end
            end
        end
    end
    return found, values, unreadable
end
