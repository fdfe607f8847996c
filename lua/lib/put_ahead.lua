-- A counter is put ahead of ids that it has not given. See counter.

-- Compare ids as strings of digits without leading zeros, because Lua numbers would lose digits.
local function is_less(one, other)
    if #one ~= #other then
        return #one < #other
    end
    return one < other
end

-- Advance the counter to at least this id, so that it does not give the ids of written rows again.
-- Such ids come from another database, or from the counter before it was reset.
local function put_ahead(counter, id)
    if is_less(redis.call('GET', counter) or '0', id) then
        redis.call('SET', counter, id)
    end
end
