-- A lock: a string with the token of its holder, which expires after some milliseconds.

-- Acquire the lock, or extend it for the same token; return whether the token holds it now.
local function take_hold(key, token, milliseconds)
    local holder = redis.call('GET', key)
    if holder and holder ~= token then
        return false
    end
    redis.call('SET', key, token, 'PX', milliseconds)
    return true
end
