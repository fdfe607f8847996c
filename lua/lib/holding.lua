-- Holding a lock: a string with the holder's token, which goes by itself after some milliseconds.

-- Take it, or hold it longer; whether it is ours now. A token that is repeated is its holder's.
local function take_hold(key, token, milliseconds)
    local holder = redis.call('GET', key)
    if holder and holder ~= token then
        return false
    end
    redis.call('SET', key, token, 'PX', milliseconds)
    return true
end
