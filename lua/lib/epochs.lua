-- An epoch of a counter has begun since rows were read: were their ids given again? See counter.

-- The key of a row if that is so, and if there is another of its id.
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

-- `rows` is {head, {id, ...}, {age, ...}}; without it, all that can be said is that it is needed.
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
