-- A counter is put ahead of ids that it has not given. See counter.

-- Compare ids as strings of digits without leading zeros, because Lua numbers would lose digits.
local function is_less(one, other)
    if #one ~= #other then
        return #one < #other
    end
    return one < other
end

-- Advance the counter to at least this id, so that it does not give the ids of written rows again.
-- Such ids come from another database, or from the counter before it was reset. Return whether
-- there was no counter.
local function put_ahead(counter, id)
    local last = redis.call('GET', counter)
    if is_less(last or '0', id) then
        redis.call('SET', counter, id)
    end
    return not last
end
