-- The check that ids were not given again since rows were read, in a later epoch. See counter.

-- Return the key of the row if its id was given again and another row exists under it.
local function lost_row(history, head, id, microseconds)
    local read_at = current[1] * 1000000 + current[2] - microseconds
    for started, last in history:gmatch('(%d+):(%d+) ') do
        if tonumber(started) <= read_at then
            return
        elseif tonumber(id) > tonumber(last) then
            return redis.call('EXISTS', head .. id) == 1 and head .. id
        end
    end
end

-- Return the objection to rows that are lost; 'epoch' asks the caller for `rows`, where it is nil.
-- `rows` is {head, {id, ...}, {age, ...}}.
local function objection_to_age(history, rows)
    if not rows then
        return {'epoch'}
    end
    for number, id in ipairs(rows[2]) do
        local row = lost_row(history, rows[1], id, rows[3][number])
        if row then
            return {'lost', row}
        end
    end
end
